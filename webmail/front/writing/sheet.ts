// The form of a letter: its fields, and the sentences that the server sent along with it.

import { all, at } from "../dom";

export class Sheet {
  readonly form: HTMLFormElement;
  private readonly state: HTMLElement;

  constructor(composer: HTMLElement) {
    this.form = at<HTMLFormElement>("form", composer)!;
    this.state = at("[data-saved]", composer)!;
  }

  field(name: string): HTMLInputElement {
    return this.form.elements.namedItem(name) as HTMLInputElement;
  }

  text(name: string): string {
    return this.form.dataset[name] ?? "";
  }

  // What the last save came to, beside the buttons.
  say(text: string, wrong = false): void {
    this.state.textContent = text;
    this.state.classList.toggle("wrong", wrong);
  }

  // The octets of all that is enclosed.
  get enclosed(): number {
    return all("[data-enclosures] [data-size]", this.form).reduce((sum, row) => sum + Number(row.dataset.size), 0);
  }

  // Whether this much more can be sent with the letter.
  hasRoomFor(files: File[]): boolean {
    const size = this.enclosed + files.reduce((sum, file) => sum + file.size, 0);
    return (size * 4) / 3 <= Number(this.form.dataset.limit);
  }

  // Nobody but its readers shall have it in clear.
  get isSecret(): boolean {
    return this.field("secret")?.value === "1" || Boolean(this.field("encrypt")?.checked);
  }
}
