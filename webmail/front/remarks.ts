// What the server has to say of those a letter is addressed to, told while they are written.

import { post } from "./server";

const PAUSE = 500;
const ASKED = ["to", "cc", "bcc"];

interface Remark {
  kind: string;
  text: string;
}

class MailRemarks extends HTMLElement {
  private timer = 0;
  private asked = 0;

  connectedCallback(): void {
    const form = this.closest("form");
    form?.addEventListener("input", (event) => {
      if (!ASKED.includes((event.target as HTMLInputElement).name)) return;
      window.clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.ask(form), PAUSE);
    });
  }

  private async ask(form: HTMLFormElement): Promise<void> {
    const number = ++this.asked;
    const written = new FormData(form);
    const fields = Object.fromEntries(ASKED.map((name) => [name, String(written.get(name) ?? "")]));
    const found = await post<{ remarks: Remark[] }>("/compose/remarks", fields).catch(() => ({ remarks: [] }));
    if (number !== this.asked) return;
    this.replaceChildren(
      ...found.remarks.map((each) =>
        Object.assign(document.createElement("p"), { className: each.kind, textContent: each.text }),
      ),
    );
  }
}

customElements.define("mail-remarks", MailRemarks);
