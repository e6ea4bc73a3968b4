// Tells of letters that were written in this browser and never reached the server: after signing in again, or when their
// window is gone.  Who signs out has them saved first, as far as they can be.

import { all, at, closest } from "./dom";
import { forget, forgetAll, hasKept, isHere, type Left, leftOver, mailboxButton, writtenUntil } from "./local";
import { post, reason } from "./server";
import { toast } from "./toasts";

class LeftOver extends HTMLElement {
  private letters: Left[] = [];

  connectedCallback(): void {
    document.addEventListener("submit", (event) => this.leave(event));
    if (at("mail-composer")) return; // which offers them itself
    this.show();
    window.addEventListener("storage", () => this.show()); // another window took one
    this.addEventListener("click", (event) => this.clicked(event));
  }

  private text(name: string, values: Record<string, string>): string {
    return Object.entries(values).reduce(
      (text, [key, value]) => text.replace(`{${key}}`, () => value),
      this.dataset[name] ?? "",
    );
  }

  private async show(): Promise<void> {
    if (!hasKept() && this.hidden) return;
    this.letters = await leftOver();
    const words = at("strong", this)!;
    words.textContent = (words.dataset.text ?? "").replace("{count}", String(this.letters.length));
    const others = new Set(this.letters.filter((each) => !isHere(each)).map(({ mailbox }) => mailbox));
    const rows = [
      ...this.letters.filter(isHere).map((each) => this.row(each)),
      ...[...others].map((each) => this.other(each)),
    ];
    const hadFocus = this.contains(document.activeElement);
    at("ul", this)!.replaceChildren(...rows);
    this.hidden = !this.letters.length;
    if (hadFocus) (at("a", this) ?? at("#content"))?.focus();
  }

  private row(letter: Left): Node {
    const { fields } = letter;
    const people = [fields.to, fields.cc, fields.bcc].filter((each) => each?.trim()).join(", ");
    const row = this.made(
      "letter",
      this.text("textLetter", {
        subject: fields.subject?.trim() || this.dataset.textNoSubject!,
        people: people || this.dataset.textNobody!,
        time: writtenUntil(letter),
      }),
      letter.name,
    );
    at<HTMLAnchorElement>("a", row)!.href = `/compose#left=${letter.window}`;
    return row;
  }

  private other(mailbox: string): Node {
    const name = at("span span", mailboxButton(mailbox)!)?.textContent ?? "";
    const count = this.letters.filter((each) => each.mailbox === mailbox).length;
    return this.made("elsewhere", this.text("textElsewhere", { name, count: String(count) }), mailbox);
  }

  private made(template: string, text: string, about: string): HTMLElement {
    const row = at<HTMLTemplateElement>(`template[data-${template}]`, this)!.content.firstElementChild!.cloneNode(
      true,
    ) as HTMLElement;
    row.dataset.about = about;
    const words = at("span", row)!;
    words.textContent = text;
    words.id = `left ${about}`.replaceAll(" ", "-");
    for (const control of all("a, button", row)) control.setAttribute("aria-describedby", words.id);
    return row;
  }

  private async clicked(event: MouseEvent): Promise<void> {
    const button = closest<HTMLButtonElement>(event, "button");
    const about = button?.closest<HTMLElement>("[data-about]")?.dataset.about;
    if (!button || !about) return;
    if (button.value === "open") {
      mailboxButton(about)?.click();
      return;
    }
    if (button.value === "forget" && !window.confirm(this.dataset.textLose)) return;
    button.disabled = true;
    const letter = (await leftOver()).find(({ name }) => name === about); // unless another window took it
    if (letter && button.value === "save") await save(letter).catch((fault) => toast(reason(fault), { error: true }));
    if (letter && button.value === "forget") forget(letter.name);
    await this.show();
  }

  // What was being written is nobody else's at this desk.
  private async leave(event: SubmitEvent): Promise<void> {
    const form = event.target as HTMLFormElement;
    if (form.getAttribute("action") !== "/logout" || !hasKept()) return;
    event.preventDefault();
    let lost = 0;
    for (const each of await leftOver()) {
      if (!isHere(each)) lost += 1;
      else
        await save(each).catch(() => {
          lost += 1;
        });
    }
    if (lost && !window.confirm(this.text("textLost", { count: String(lost) }))) return;
    forgetAll();
    form.submit();
  }
}

// Among the drafts; one that somebody went on with elsewhere stays as it is, and this becomes another.
async function save({ name, window, changes, draft, fields }: Left): Promise<void> {
  const done = await post<{ saved: string; notice: string }>("/compose", {
    ...fields,
    action: "save",
    draft,
    window: `${window} ${changes}`,
  });
  forget(name);
  toast(done.notice || done.saved);
}

export function startLeftOver(): void {
  customElements.define("left-over", LeftOver);
}
