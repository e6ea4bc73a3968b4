// What the server has to say of those a letter is addressed to, told while they are written.

import { closest } from "./dom";
import { post } from "./server";

const PAUSE = 500;
const ASKED = ["to", "cc", "bcc"];

interface Remark {
  kind: string;
  text: string;
  offer: string;
  adds: string;
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
    this.addEventListener("click", (event) => {
      const offer = closest<HTMLButtonElement>(event, "button");
      const to = form?.elements.namedItem("to");
      if (!offer || !(to instanceof HTMLTextAreaElement)) return;
      event.preventDefault();
      const before = to.value.trim().replace(/[,;]$/, "");
      to.value = `${before ? `${before}, ` : ""}${offer.value.replace(/^add /, "")}, `;
      to.focus();
      to.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  private async ask(form: HTMLFormElement): Promise<void> {
    const number = ++this.asked;
    const written = new FormData(form);
    const fields = Object.fromEntries(ASKED.map((name) => [name, String(written.get(name) ?? "")]));
    const found = await post<{ remarks: Remark[] }>("/compose/remarks", fields).catch(() => ({ remarks: [] }));
    if (number !== this.asked) return;
    this.replaceChildren(...found.remarks.map(paragraph));
  }
}

function paragraph(remark: Remark): HTMLElement {
  const line = document.createElement("p");
  line.className = remark.kind;
  line.append(remark.text);
  if (remark.adds) {
    const offer = document.createElement("button");
    Object.assign(offer, { type: "button", className: "link", value: `add ${remark.adds}`, textContent: remark.offer });
    line.append(" ", offer);
  }
  return line;
}

customElements.define("mail-remarks", MailRemarks);
