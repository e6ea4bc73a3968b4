// The tools above formatted text: one stop of the Tab key, arrows within it (WAI-ARIA's toolbar), each telling what is
// at work where one writes.

import { all, at, closest } from "../dom";
import type { Editor } from "./editor";
import { askLink } from "./links";
import { editPicture, type PictureChange, selectedPicture } from "./pictures";
import { askTable, changeTable, type TableChange } from "./tables";

type Tool = (editor: Editor) => void;

const UNDO_FORMAT = "s,u,b,i,strong,em,small,font,sub,sup,code,a";

const TOOLS: Record<string, Tool> = {
  undo: (editor) => editor.undo(),
  redo: (editor) => editor.redo(),
  bold: (editor) => editor.toggle("B"),
  italic: (editor) => editor.toggle("I"),
  underline: (editor) => editor.toggle("U"),
  strike: (editor) => editor.toggle("S"),
  bullets: (editor) => (editor.around("ul") ? editor.removeList() : editor.makeUnorderedList()),
  numbers: (editor) => (editor.around("ol") ? editor.removeList() : editor.makeOrderedList()),
  deeper: (editor) => (editor.around("li") ? editor.increaseListLevel() : editor.increaseQuoteLevel()),
  shallower: (editor) => (editor.around("li") ? editor.decreaseListLevel() : editor.decreaseQuoteLevel()),
  quote: (editor) => (editor.around("blockquote") ? editor.decreaseQuoteLevel() : editor.increaseQuoteLevel()),
  link: askLink,
  table: askTable,
  plain: (editor) => plain(editor),
};

const PRESSED: Record<string, (editor: Editor) => boolean> = {
  bold: (editor) => editor.has("B", "STRONG"),
  italic: (editor) => editor.has("I", "EM"),
  underline: (editor) => editor.has("U"),
  strike: (editor) => editor.has("S"),
  bullets: (editor) => editor.around("li")?.parentElement?.tagName === "UL",
  numbers: (editor) => editor.around("li")?.parentElement?.tagName === "OL",
  quote: (editor) => editor.around("blockquote") !== null,
  link: (editor) => editor.around("a") !== null,
};

const CHOICES: Record<string, { set: (editor: Editor, value: string) => void; get: (editor: Editor) => string }> = {
  style: {
    set: (editor, value) => {
      editor.changeFormat(value === "small" ? { tag: "SMALL" } : null, { tag: "SMALL" });
      if (value !== "small") editor.setBlocks(value as "p" | "h2" | "h3");
    },
    get: (editor) => (editor.has("SMALL") ? "small" : (editor.around("h2, h3")?.tagName.toLowerCase() ?? "p")),
  },
  align: {
    set: (editor, value) => editor.align(value),
    get: (editor) => editor.around("[align]")?.getAttribute("align") ?? "left",
  },
  colour: {
    set: (editor, value) => editor.colour(value),
    get: (editor) => editor.around("font[color]")?.getAttribute("color") ?? "",
  },
};

const KEYS: Record<string, string> = {
  "Ctrl-k": "link",
  "Ctrl-\\": "plain",
  "Ctrl-Shift-7": "numbers",
  "Ctrl-Shift-8": "bullets",
  "Ctrl-Shift-9": "quote",
  "Ctrl-Shift-X": "strike",
  "Ctrl-Shift-x": "strike",
};

export function startToolbar(editor: Editor, tools: HTMLElement): void {
  const items = (): HTMLElement[] => all("button, select", tools).filter((each) => !each.closest("[hidden]"));
  tools.addEventListener("pointerdown", (event) => {
    if (closest(event, "[data-tool], [data-table], [data-picture]")) event.preventDefault(); // the text keeps the selection
  });
  tools.addEventListener("click", (event) => {
    const { tool, table, picture } = closest(event, "button")?.dataset ?? {};
    if (tool) TOOLS[tool]?.(editor);
    else if (table) changeTable(editor, table as TableChange);
    else if (picture) editPicture(editor, picture as PictureChange);
  });
  tools.addEventListener("change", (event) => {
    const choice = closest<HTMLSelectElement>(event, "select[data-choice]");
    if (choice) CHOICES[choice.dataset.choice ?? ""]?.set(editor, choice.value);
  });
  tools.addEventListener("keydown", (event) => {
    const list = items();
    const here = list.indexOf(event.target as HTMLElement);
    const step = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: list.length - 1 }[event.key];
    if (step === undefined || here < 0) return;
    event.preventDefault();
    list[(step + list.length) % list.length]?.focus();
  });
  tools.addEventListener("focusin", (event) => {
    for (const each of all("button, select", tools)) each.tabIndex = each === event.target ? 0 : -1;
  });
  const stop = (): void => {
    const list = items();
    if (!list.some((each) => each.tabIndex === 0))
      list.forEach((each, place) => {
        each.tabIndex = place ? -1 : 0;
      });
  };
  for (const [key, tool] of Object.entries(KEYS)) {
    const handler = (_editor: unknown, event: KeyboardEvent): void => {
      event.preventDefault();
      TOOLS[tool]!(editor);
    };
    editor.setKeyHandler(key, handler).setKeyHandler(key.replace("Ctrl", "Meta"), handler);
  }
  // From a table, where Tab goes from cell to cell, too
  editor.setKeyHandler("Alt-F10", (_editor, event) => {
    event.preventDefault();
    (at(".floating:not([hidden]) button", tools) ?? items()[0])?.focus();
  });
  const reflect = (): void => {
    for (const [name, isPressed] of Object.entries(PRESSED)) {
      at(`[data-tool="${name}"]`, tools)?.setAttribute("aria-pressed", String(isPressed(editor)));
    }
    for (const [name, { get }] of Object.entries(CHOICES)) {
      const choice = at<HTMLSelectElement>(`[data-choice="${name}"]`, tools)!;
      const value = get(editor);
      choice.value = [...choice.options].some((option) => option.value === value) ? value : "";
    }
    at("[data-in-table]", tools)!.hidden = !editor.around("td, th");
    at("[data-in-picture]", tools)!.hidden = !selectedPicture(editor);
    stop();
  };
  for (const event of ["pathChange", "select", "cursor"]) editor.addEventListener(event, reflect);
  editor.addEventListener("undoStateChange", (event) => {
    const { canUndo, canRedo } = (event as CustomEvent<{ canUndo: boolean; canRedo: boolean }>).detail;
    at('[data-tool="undo"]', tools)!.ariaDisabled = String(!canUndo);
    at('[data-tool="redo"]', tools)!.ariaDisabled = String(!canRedo);
  });
  reflect();
}

function plain(editor: Editor): void {
  if (!editor.getSelection().collapsed) {
    editor.removeAllFormatting();
    return;
  }
  const styled = editor.around(UNDO_FORMAT);
  if (styled) editor.changeFormat(null, { tag: styled.tagName });
}
