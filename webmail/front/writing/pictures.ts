// Pictures in the text: pasted, dropped or chosen, sent to the draft at once, and shown from there.

import { at, target } from "../dom";
import { toast } from "../toasts";
import { parse } from "../trusted";
import { ask } from "./asking";
import { made } from "./cleaning";
import type { Editor } from "./editor";
import type { Sheet } from "./sheet";

const PATH = /^\/compose\/picture\/[^/?#]+\/([^/?#]+)$/;
const KINDS = /^image\/(png|jpeg|gif|webp)$/;
const DATA = /^data:(image\/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]+)$/i;
const WIDEST = 640; // as a picture first stands in the text
const PARTS: Record<string, number> = { small: 0.25, medium: 0.5, large: 1 };

export const isPicture = (file: File): boolean => KINDS.test(file.type);

// The editor's address of a picture: what was kept in an older version of the draft is in the newest, too.
export function ownPicture(sheet: Sheet, address: string): string | null {
  const path = address.startsWith(`${location.origin}/`) ? address.slice(location.origin.length) : address;
  const [, name] = PATH.exec(path) ?? [];
  if (!name) return null;
  const draft = sheet.field("draft").value;
  return draft ? `/compose/picture/${draft}/${name}` : path;
}

export class Pictures {
  constructor(
    private readonly sheet: Sheet,
    private readonly editor: Editor,
    // What the pictures are called once the draft has them; null when it could not take them
    private readonly upload: (pictures: File[]) => Promise<string[] | null>,
    private readonly attach: (files: File[]) => void,
  ) {
    const root = editor.getRoot();
    editor.addEventListener("pasteImage", (event) => {
      const { clipboardData } = (event as CustomEvent<{ clipboardData: DataTransfer }>).detail;
      this.take([...clipboardData.files]);
    });
    root.parentElement!.addEventListener(
      "paste",
      (event) => {
        if (!root.contains(target(event)) || !event.clipboardData || !this.pasted(event.clipboardData)) return;
        event.preventDefault();
        event.stopPropagation(); // on its way down: the editor does not see it
      },
      true,
    );
    const chooser = at<HTMLInputElement>("[data-pictures]", sheet.form)!;
    at("[data-choose-pictures]", sheet.form)!.addEventListener("click", () => chooser.click());
    chooser.addEventListener("change", () => {
      this.take([...(chooser.files ?? [])]);
      chooser.value = "";
    });
    root.addEventListener("click", (event) => {
      const picture = target(event);
      if (picture instanceof HTMLImageElement) select(editor, picture);
    });
  }

  // What is neither text nor a single picture, before the editor sees it; true when it was taken.
  pasted(data: DataTransfer): boolean {
    const html = data.getData("text/html");
    const files = [...data.files];
    if (!html && !data.getData("text/plain") && files.length) {
      this.take(files);
      return true;
    }
    if (!/<img[^>]+src\s*=\s*["']?data:image\//i.test(html)) return false;
    this.takeWithin(html);
    return true;
  }

  // Pictures into the text, where one writes; all else beside it.
  async take(files: File[]): Promise<void> {
    const others = files.filter((file) => !isPicture(file));
    if (others.length) this.attach(others);
    const pictures = files.filter(isPicture);
    const range = this.editor.getSelection();
    const names = await this.kept(pictures);
    this.editor.setSelection(range);
    for (const [place, name] of names.entries()) this.insert(name, pictures[place]!.name);
  }

  // Text with pictures inside it, as LibreOffice and Google Docs copy it.
  private async takeWithin(html: string): Promise<void> {
    const source = parse(html);
    const within = [...source.querySelectorAll("img")].flatMap((image): [HTMLImageElement, File][] => {
      const file = decoded(image.getAttribute("src") ?? "");
      return file ? [[image, file]] : [];
    });
    const range = this.editor.getSelection();
    const names = await this.kept(within.map(([, file]) => file));
    for (const [place, name] of names.entries()) within[place]![0].setAttribute("src", this.address(name));
    const whole = document.createElement("div");
    whole.append(source);
    this.editor.setSelection(range);
    this.editor.insertHTML(whole.innerHTML, true);
  }

  private async kept(pictures: File[]): Promise<string[]> {
    if (!pictures.length) return [];
    if (!this.sheet.hasRoomFor(pictures)) {
      toast(this.sheet.text("textTooLarge"), { error: true });
      return [];
    }
    return (await this.upload(pictures)) ?? [];
  }

  private address(name: string): string {
    return `/compose/picture/${this.sheet.field("draft").value}/${encodeURIComponent(name).replace("%40", "@")}`;
  }

  private insert(name: string, file: string): void {
    const alt = /^image\.\w+$/i.test(file) ? "" : file.replace(/\.\w+$/, "");
    const picture = made("img", { src: this.address(name), alt }) as HTMLImageElement;
    picture.addEventListener("load", () => {
      if (picture.naturalWidth > WIDEST) picture.setAttribute("width", String(WIDEST));
    });
    this.editor.saveUndoState();
    this.editor.insertElement(picture);
  }
}

function decoded(address: string): File | null {
  const [, kind, text] = DATA.exec(address) ?? [];
  if (!kind || !text) return null;
  const octets = Uint8Array.from(atob(text.replace(/\s/g, "")), (each) => each.charCodeAt(0));
  return new File([octets], `image.${kind.split("/")[1]}`, { type: kind.toLowerCase() });
}

function select(editor: Editor, picture: HTMLImageElement): void {
  const range = document.createRange();
  range.selectNode(picture);
  editor.focus();
  editor.setSelection(range);
  editor._updatePath(range, true);
}

// The picture that alone is selected.
export function selectedPicture(editor: Editor): HTMLImageElement | null {
  const range = editor.getSelection();
  if (range.collapsed || range.toString()) return null;
  const pictures = [...editor.getRoot().querySelectorAll("img")].filter((each) => range.intersectsNode(each));
  return pictures.length === 1 ? pictures[0]! : null;
}

export type PictureChange = "small" | "medium" | "large" | "whole" | "describe" | "remove";

export async function editPicture(editor: Editor, change: PictureChange): Promise<void> {
  const picture = selectedPicture(editor);
  if (!picture) return;
  const width = (PARTS[change] ?? 0) * WIDEST;
  if (change === "describe") {
    const answer = await ask("picture", { alt: picture.alt });
    editor.focus();
    if (!answer || !picture.isConnected) return;
    editor.saveUndoState();
    picture.alt = answer.values.alt ?? "";
    return;
  }
  editor.saveUndoState();
  if (change === "remove") {
    const range = document.createRange();
    range.setStartBefore(picture);
    range.collapse(true);
    const block = picture.parentElement;
    picture.remove();
    if (block && !block.firstChild) block.append(made("br"));
    editor.setSelection(range);
    editor.focus();
    return;
  }
  if (width) picture.setAttribute("width", String(Math.min(width, picture.naturalWidth || width)));
  else picture.removeAttribute("width");
  select(editor, picture);
}
