// The words of a letter: formatted, or plain; and the way from one to the other.

import { all, at, closest } from "../dom";
import { parse } from "../trusted";
import { made, rebuild } from "./cleaning";
import { type Editor, openEditor } from "./editor";
import { ownPicture } from "./pictures";
import type { Sheet } from "./sheet";
import { startToolbar } from "./toolbar";

export class LetterText {
  readonly box: HTMLElement;
  readonly editor: Editor;
  private readonly tools: HTMLElement;
  private readonly plain: HTMLTextAreaElement;
  private rich = false;
  private converted: string | null = null; // the plain text that the formatted one became, as long as it is its equal

  constructor(
    composer: HTMLElement,
    private readonly sheet: Sheet,
    private readonly changed: () => void,
  ) {
    this.box = at("[data-rich-text]", composer)!;
    this.tools = at("[data-format]", composer)!;
    this.plain = at<HTMLTextAreaElement>("[data-plain-text]", composer)!;
    this.editor = openEditor(this.box, { picture: (address) => ownPicture(sheet, address) });
    this.editor.addEventListener("input", changed);
    startToolbar(this.editor, this.tools);
    this.tools.addEventListener("click", (event) => {
      if (closest(event, "[data-toggle-rich]")) this.toggle();
    });
    this.setRich(this.plain.hasAttribute("data-prefer-rich") || !this.plain.value.trim());
  }

  get isRich(): boolean {
    return this.rich;
  }

  get words(): string {
    return this.rich ? this.shown : this.plain.value;
  }

  // Without the marks that hold the cursor's place.
  private get shown(): string {
    return this.box.innerText.replaceAll("\u200b", "");
  }

  // What is sent and kept here goes through the form.
  fill(): void {
    if (this.rich) this.sheet.field("html").value = this.editor.getHTML();
  }

  restore(html: string, rich: boolean): void {
    const source = document.createElement("div");
    source.append(rebuild(parse(html), { picture: (address) => ownPicture(this.sheet, address) }));
    this.editor.setHTML(source.innerHTML);
    this.setRich(rich);
  }

  // The draft keeps plain text now: its pictures have become files, and formatted text would miss them.
  saved(): void {
    if (!this.rich) this.converted = null;
  }

  focus(): void {
    if (this.rich) {
      this.editor.moveCursorToStart();
      this.editor.focus();
    } else {
      this.plain.focus();
      this.plain.setSelectionRange(0, 0);
    }
  }

  private toggle(): void {
    if (this.rich && this.editor.isFormatted && !window.confirm(this.sheet.text("textToPlain"))) return;
    if (this.rich) {
      this.converted = this.shown.replace(/\n{3,}/g, "\n\n");
      this.plain.value = this.converted;
    } else if (this.plain.value !== this.converted) {
      this.editor.setHTML(asParagraphs(this.plain.value));
    }
    this.setRich(!this.rich);
    this.changed();
  }

  private setRich(rich: boolean): void {
    if (rich && this.editor.isBlank && this.plain.value.trim()) this.editor.setHTML(asParagraphs(this.plain.value));
    this.rich = rich;
    this.sheet.field("mode").value = rich ? "rich" : "plain";
    this.editor.modifyDocument(() => {
      this.box.hidden = !rich; // no change of the text
    });
    this.plain.hidden = rich;
    for (const each of all("[data-rich-only]", this.tools)) each.hidden = !rich;
    const toggle = at("[data-toggle-rich]", this.tools)!;
    toggle.textContent = (rich ? toggle.dataset.plain : toggle.dataset.rich) ?? "";
  }
}

function asParagraphs(text: string): string {
  const whole = document.createElement("div");
  for (const line of text.split("\n")) {
    const paragraph = made("p");
    paragraph.append(line || made("br"));
    whole.append(paragraph);
  }
  return whole.innerHTML;
}
