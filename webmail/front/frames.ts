// The frames in which messages are shown: as tall as what is in them, keys passed on to the page.
// Nothing runs inside: the sandbox has no scripts, and the page only measures.

import { all } from "./dom";

type Keys = (event: KeyboardEvent) => void;

const TALLEST = 40000;

let onKey: Keys = () => {};

export function startFrames(keys: Keys): void {
  onKey = keys;
}

export function watchFrames(): void {
  all<HTMLIFrameElement>("iframe[data-body]").forEach(watchFrame);
}

export function watchFrame(frame: HTMLIFrameElement): void {
  if (frame.dataset.watched) return;
  frame.dataset.watched = "1";
  const settle = (): void => attach(frame);
  frame.addEventListener("load", settle);
  const inside = frame.contentDocument;
  if (inside?.readyState === "complete" && inside.URL !== "about:blank") settle();
}

function attach(frame: HTMLIFrameElement): void {
  const inside = frame.contentDocument;
  if (!inside?.body) return;
  let width = 0;
  let waiting = 0;
  const measure = (): void => {
    waiting = 0;
    const before = frame.offsetHeight;
    frame.style.setProperty("height", "40px", "important");
    const height = Math.min(Math.ceil(inside.documentElement.scrollHeight), TALLEST);
    frame.style.setProperty("height", `${height || before}px`, "important");
    width = frame.offsetWidth;
  };
  const later = (): void => {
    if (!waiting) waiting = requestAnimationFrame(measure);
  };
  measure();
  inside.addEventListener("load", later, true);
  inside.addEventListener("toggle", later, true);
  inside.addEventListener("keydown", (event) => onKey(event));
  new ResizeObserver(() => {
    if (frame.offsetWidth !== width) later();
  }).observe(frame);
}
