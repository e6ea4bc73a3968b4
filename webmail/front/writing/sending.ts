// The buttons that send, save and discard: what is asked before, and that nothing is sent twice.

import { all, at } from "../dom";
import type { Saving } from "./saving";
import type { Sheet } from "./sheet";
import type { LetterText } from "./text";

export class Sending {
  isLeaving = false;
  private isSending = false;
  private isReady = false;

  constructor(
    private readonly sheet: Sheet,
    private readonly saving: Saving,
    private readonly words: LetterText,
  ) {
    const { form } = sheet;
    form.addEventListener("submit", (event) => this.submitted(event));
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form.requestSubmit(at('button[value="send"]', form));
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.lock(false); // back by the browser's own button
    });
  }

  private async submitted(event: SubmitEvent): Promise<void> {
    const button = event.submitter as HTMLButtonElement | null;
    const action = button?.value ?? "send";
    if (action === "save") {
      event.preventDefault();
      await this.saving.save();
      return;
    }
    if (action === "discard") {
      this.isLeaving = true;
      this.saving.stop();
      return;
    }
    if (this.isSending) {
      if (!this.isReady) event.preventDefault(); // a second click while the first waits
      return;
    }
    if (button?.hasAttribute("data-sends") !== false && !this.confirm()) {
      event.preventDefault();
      return;
    }
    this.isSending = true;
    this.isLeaving = true;
    if (this.saving.isRunning) {
      // A save on its way makes another version of the draft, which is the one to send.
      event.preventDefault();
      await this.saving.rest();
      this.words.fill();
      this.isReady = true;
      this.sheet.form.requestSubmit(button);
    } else {
      this.saving.rest();
      this.words.fill();
      this.isReady = true;
    }
    // After the form has been read: a disabled button would not be sent along.
    window.setTimeout(() => this.lock(true));
  }

  private lock(locked: boolean): void {
    for (const button of all<HTMLButtonElement>("button[data-sends]", this.sheet.form)) button.disabled = locked;
    if (!locked) {
      this.isSending = false;
      this.isReady = false;
      this.isLeaving = false;
    }
  }

  private confirm(): boolean {
    const { sheet } = this;
    const own = this.words.words.split(/\n(?:>|-{5,})/)[0] ?? "";
    if (!sheet.field("subject").value.trim() && !window.confirm(sheet.text("textNoSubject"))) return false;
    const announced = new RegExp(sheet.text("attachmentWords"), "i");
    const hasFiles = at("[data-enclosures] li", sheet.form) !== null;
    return hasFiles || !announced.test(own) || window.confirm(sheet.text("textNoAttachment"));
  }
}
