// Writing: the page's parts put together.

import { all, at, closest } from "./dom";
import { claim, type Kept } from "./local";
import { completes } from "./people";
import "./protecting";
import "./remarks";
import "./signatures";
import { Files } from "./writing/files";
import { offerLeftOver } from "./writing/left-over";
import { Pictures } from "./writing/pictures";
import { KEPT, Saving } from "./writing/saving";
import { Sending } from "./writing/sending";
import { Sheet } from "./writing/sheet";
import { LetterText } from "./writing/text";

class MailComposer extends HTMLElement {
  private readonly sheet = new Sheet(this);
  private readonly saving: Saving = new Saving(this.sheet, () => this.words);
  private readonly words: LetterText = new LetterText(this, this.sheet, () => this.saving.changed());

  connectedCallback(): void {
    const { sheet, saving, words } = this;
    const { form } = sheet;
    for (const field of all<HTMLTextAreaElement>("[data-people]", form)) completes(field);
    for (const button of all("[data-unfold]", form)) {
      button.hidden = !this.foldable(button).classList.contains("foldable");
    }
    form.addEventListener("input", () => saving.changed());
    form.addEventListener("click", (event) => this.clicked(event));
    const files = new Files(sheet, saving);
    const pictures = new Pictures(
      sheet,
      words.editor,
      async (chosen) => (await saving.save({ pictures: chosen }))?.pictures ?? null,
      (chosen) => files.attach(chosen),
    );
    files.acceptDrops(words, pictures);
    const sending = new Sending(sheet, saving, words);
    window.addEventListener("beforeunload", (event) => {
      if (saving.isDirty && !sending.isLeaving) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && saving.isDirty && !sending.isLeaving) saving.save({ keepalive: true });
    });
    if (sheet.field("to").value) words.focus();
    else sheet.field("to").focus();
    claim(saving.window);
    offerLeftOver(this, sheet, (kept) => this.restore(kept));
  }

  private foldable(button: HTMLElement): HTMLElement {
    return at(`[data-field="${button.dataset.unfold}"]`, this.sheet.form)!;
  }

  private restore({ draft, fields }: Kept): void {
    for (const [name, value] of Object.entries(fields)) {
      const field = this.sheet.field(name);
      if (field && KEPT.includes(name)) field.value = value;
    }
    this.sheet.field("draft").value = draft;
    this.words.restore(fields.html ?? "", fields.mode === "rich");
    for (const button of all("[data-unfold]", this)) {
      if (this.sheet.field(button.dataset.unfold!).value) button.click();
    }
    this.saving.changed();
  }

  private clicked(event: MouseEvent): void {
    const unfold = closest(event, "[data-unfold]");
    if (unfold) {
      const field = this.foldable(unfold);
      field.classList.add("unfolded");
      at("textarea", field)?.focus();
      unfold.hidden = true;
    }
    const remove = closest<HTMLButtonElement>(event, 'button[value^="remove "]');
    if (remove) {
      event.preventDefault();
      this.saving.save({ action: remove.value });
    }
  }
}

customElements.define("mail-composer", MailComposer);
