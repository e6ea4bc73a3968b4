// A day is typed as the reader's language writes it; beside it the browser's own calendar, which fills the text in.

import { at } from "./dom";

class DayField extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", (event) => {
      if ((event.target as Element).closest("button")) this.pick();
    });
    this.addEventListener("change", (event) => {
      if (event.target === this.native) this.take();
    });
    this.addEventListener("input", () => this.typed.setCustomValidity(""));
    this.addEventListener(
      "invalid",
      () => {
        if (this.typed.validity.patternMismatch) this.typed.setCustomValidity(this.typed.title);
      },
      { capture: true },
    );
  }

  private get typed(): HTMLInputElement {
    return at<HTMLInputElement>("input", this)!;
  }

  private get native(): HTMLInputElement {
    return at<HTMLInputElement>(".native", this)!;
  }

  private pick(): void {
    const { value } = this.typed;
    this.native.value = value
      .trim()
      .replace(/^(\d\d)[/.-](\d\d)[/.-](\d{4})/, "$3-$2-$1")
      .replace(" ", "T");
    this.native.showPicker();
  }

  private take(): void {
    const [day = "", hour = ""] = this.native.value.split("T");
    const written = document.documentElement.lang === "en" ? day : day.split("-").reverse().join("/");
    this.typed.value = `${written} ${hour}`.trim();
    this.typed.setCustomValidity("");
    this.typed.focus();
  }
}

export const startDays = (): void => customElements.define("day-field", DayField);
