// Between two panes: a line that is dragged, or moved by the arrow keys; how wide somebody likes them is kept with his
// account.  What is kept is set before the first paint (early.ts).

import { post } from "./server";

const STEPS: Record<string, number> = { "%": 2, px: 12 };

class PaneDivider extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.focus();
      this.setPointerCapture(event.pointerId);
      document.body.classList.add("resizing");
    });
    this.addEventListener("pointermove", (event) => {
      if (!this.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.offsetParent!.getBoundingClientRect();
      const along = event.clientX - left;
      this.widen(this.unit === "%" ? (along * 100) / width : along);
    });
    this.addEventListener("lostpointercapture", () => {
      document.body.classList.remove("resizing");
      this.keep();
    });
    this.addEventListener("keydown", (event) => this.moved(event));
  }

  private get unit(): string {
    return this.dataset.unit ?? "px";
  }

  private widen(width: number): void {
    const within = Math.min(Math.max(width, Number(this.ariaValueMin)), Number(this.ariaValueMax));
    this.ariaValueNow = String(Math.round(within));
    document.documentElement.style.setProperty(`--${this.dataset.name}`, `${this.ariaValueNow}${this.unit}`);
  }

  private moved(event: KeyboardEvent): void {
    const now = Number(this.ariaValueNow);
    const step = STEPS[this.unit] ?? 1;
    const wanted = new Map([
      ["ArrowLeft", now - step],
      ["ArrowRight", now + step],
      ["Home", Number(this.ariaValueMin)],
      ["End", Number(this.ariaValueMax)],
    ]).get(event.key);
    if (wanted === undefined) return;
    event.preventDefault();
    this.widen(wanted);
    this.keep();
  }

  private keep(): void {
    // Where it cannot be kept, it holds for this page.
    post("/settings/widths", { name: this.dataset.name!, width: this.ariaValueNow! }).catch(() => {});
  }
}

export const startPanes = (): void => customElements.define("pane-divider", PaneDivider);
