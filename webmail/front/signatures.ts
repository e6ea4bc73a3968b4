// The signature that goes with an address takes the place of another's when the address is changed, unless somebody
// has written into it.

import { all, at, closest } from "./dom";

const MARK = "-- ";

document.addEventListener("change", (event) => {
  const choice = closest<HTMLSelectElement>(event, "select[data-authors]");
  const form = choice?.form;
  if (!choice || !form) return;
  const signatures = [...choice.options].map((option) => option.dataset.signature ?? "");
  const wanted = signatures[choice.selectedIndex] ?? "";
  const text = at<HTMLTextAreaElement>("[data-plain-text]", form)!;
  const box = at("[data-rich-text]", form)!;
  text.value = signedAnew(text.value, signatures, wanted);
  const old = all(":scope > p, :scope > div", box).find((each) => signatures.some((one) => one && holds(each, one)));
  if (old && wanted) old.replaceWith(paragraph(wanted));
  else if (old) old.remove();
  else if (wanted && box.firstChild && !box.textContent?.includes(MARK)) {
    const begun = box.firstElementChild?.textContent?.trim();
    if (begun) box.append(paragraph(wanted));
    else box.firstElementChild!.after(paragraph(wanted));
  }
  form.dispatchEvent(new Event("input"));
});

function signedAnew(text: string, signatures: string[], wanted: string): string {
  const old = signatures.find((each) => each && text.includes(`${MARK}\n${each}\n`));
  if (old) return text.replace(`${MARK}\n${old}\n`, () => (wanted ? `${MARK}\n${wanted}\n` : ""));
  if (!wanted) return text;
  return text.trim() && !text.startsWith("\n") ? `${text}\n\n${MARK}\n${wanted}\n` : `\n\n${MARK}\n${wanted}\n${text}`;
}

const lines = (text: string): string =>
  text
    .replaceAll("\u00a0", " ")
    .replace(/\s*\n\s*/g, "\n")
    .trim();

const holds = (element: HTMLElement, signature: string): boolean =>
  lines(element.innerText || element.textContent || "") === lines(`${MARK}\n${signature}`);

function paragraph(signature: string): HTMLElement {
  const made = document.createElement("p");
  for (const line of [MARK, ...signature.split("\n")]) made.append(line, document.createElement("br"));
  made.lastChild?.remove();
  return made;
}
