// The frames in which messages are shown: as tall as what is in them, keys passed on to the page.
// Nothing runs inside: the sandbox has no scripts, and the page only measures.

const TALLEST = 40000;

export function watchFrames(root, onKey) {
  for (const frame of root.querySelectorAll("iframe[data-body]")) {
    if (frame.dataset.watched) continue;
    frame.dataset.watched = "1";
    const settle = () => attach(frame, onKey);
    frame.addEventListener("load", settle);
    if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.URL !== "about:blank") settle();
  }
}

function attach(frame, onKey) {
  const inside = frame.contentDocument;
  if (!inside?.body) return;
  let width = 0;
  let waiting = 0;
  const measure = () => {
    waiting = 0;
    const before = frame.offsetHeight;
    frame.style.setProperty("height", "40px", "important");
    const height = Math.min(Math.ceil(inside.documentElement.scrollHeight), TALLEST);
    frame.style.setProperty("height", `${height || before}px`, "important");
    width = frame.offsetWidth;
  };
  const later = () => {
    waiting ||= requestAnimationFrame(measure);
  };
  measure();
  inside.addEventListener("load", later, true);
  inside.addEventListener("toggle", later, true);
  inside.addEventListener("keydown", onKey);
  new ResizeObserver(() => {
    if (frame.offsetWidth !== width) later();
  }).observe(frame);
}
