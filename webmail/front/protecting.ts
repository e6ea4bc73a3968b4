// Who could not read an encrypted letter, told while its addresses are written; and where it has to be encrypted, the box
// is ticked.  The server says both, and asks again when the letter is sent.

import { at } from "./dom";
import { post } from "./server";

const PAUSE = 600;
const ASKED = ["author", "to", "cc", "bcc"];

interface Answer {
  readers: { address: string; told: string }[];
  must: string;
  hidden: boolean;
}

class MailProtecting extends HTMLElement {
  private form: HTMLFormElement | null = null;
  private readonly readers = at("[data-readers]", this);
  private readonly box = at<HTMLInputElement>('input[name="encrypt"]', this);
  private timer = 0;
  private asked = 0;

  connectedCallback(): void {
    this.form = this.closest("form");
    if (!this.box) return;
    this.form?.addEventListener("input", (event) => {
      const name = (event.target as HTMLInputElement).name;
      if (ASKED.includes(name) || event.target === this.box) this.later();
    });
    this.form?.addEventListener("change", (event) => {
      if (ASKED.includes((event.target as HTMLInputElement).name)) this.later();
    });
    if (this.box.checked) this.later();
  }

  private later(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.ask(), PAUSE);
  }

  private async ask(): Promise<void> {
    const { form, box } = this;
    if (!form || !box) return;
    const number = ++this.asked;
    const written = new FormData(form);
    const asked = Object.fromEntries(ASKED.map((name) => [name, String(written.get(name) ?? "")]));
    try {
      const answer = await post<Answer>("/compose/readers", asked);
      if (number === this.asked) this.show(answer);
    } catch {
      this.readers?.replaceChildren(); // the server asks again when the letter is sent
    }
  }

  private show(answer: Answer): void {
    const { box, readers, dataset } = this;
    if (!box || !readers) return;
    if (answer.must) box.checked = true;
    const lines: HTMLElement[] = [];
    if (answer.must) lines.push(line((dataset.textMust ?? "").replace("{who}", answer.must)));
    if (box.checked) {
      if (answer.hidden) lines.push(line(dataset.textHidden ?? "", "", "lacking"));
      const lacking = answer.readers.filter((each) => each.told);
      lines.push(...lacking.map((each) => line(`: ${each.told}`, each.address, "lacking")));
      if (answer.readers.length && !lacking.length && !answer.hidden) lines.push(line(dataset.textAll ?? ""));
    }
    readers.replaceChildren(...lines);
  }
}

function line(text: string, address = "", kind = ""): HTMLElement {
  const made = document.createElement("p");
  made.className = kind;
  if (address) made.append(Object.assign(document.createElement("strong"), { textContent: address }));
  made.append(text);
  return made;
}

customElements.define("mail-protecting", MailProtecting);
