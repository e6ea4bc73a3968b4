// Files that go along: chosen, dropped or pasted; pictures that fall on formatted text stand in it.

import { at, target } from "../dom";
import { toast } from "../toasts";
import { isPicture, type Pictures } from "./pictures";
import type { Saving } from "./saving";
import type { Sheet } from "./sheet";
import type { LetterText } from "./text";

export class Files {
  constructor(
    private readonly sheet: Sheet,
    private readonly saving: Saving,
  ) {
    const files = sheet.field("files");
    files.addEventListener("change", () => this.attach([...(files.files ?? [])]));
  }

  async attach(files: File[]): Promise<void> {
    if (!files.length) return;
    this.sheet.field("files").value = "";
    if (!this.sheet.hasRoomFor(files)) {
      toast(this.sheet.text("textTooLarge"), { error: true });
      return;
    }
    await this.saving.save({ files });
  }

  acceptDrops(words: LetterText, pictures: Pictures): void {
    const { form } = this.sheet;
    const hint = at("[data-drop-hint]", form)!;
    const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    form.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      form.classList.add("dropping");
      hint.hidden = false;
    });
    const end = (): void => {
      form.classList.remove("dropping");
      hint.hidden = true;
    };
    form.addEventListener("dragleave", (event) => {
      if (!form.contains(event.relatedTarget as Node | null)) end();
    });
    form.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      end();
      const files = [...(event.dataTransfer?.files ?? [])];
      if (words.box.contains(target(event)) && files.some(isPicture)) {
        words.editor.focus();
        pictures.take(files);
      } else this.attach(files);
    });
    form.addEventListener("paste", (event) => {
      const data = event.clipboardData;
      if (event.defaultPrevented || !data?.files.length || data.types.includes("text/html")) return;
      event.preventDefault();
      this.attach([...data.files]);
    });
  }
}
