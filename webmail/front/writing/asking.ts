// Small questions in a window of their own: the browser keeps the keyboard in it, and gives it back.

import { all, at } from "../dom";

// The button that was chosen and what stands in the fields; null when nothing was wanted.
export function ask(
  name: string,
  values: Record<string, string>,
): Promise<{ chosen: string; values: Record<string, string> } | null> {
  const dialog = at<HTMLDialogElement>(`dialog[data-asks="${name}"]`)!;
  const fields = all<HTMLInputElement>("input", dialog);
  for (const field of fields) field.value = values[field.name] ?? field.defaultValue;
  dialog.returnValue = "";
  dialog.showModal();
  fields[0]?.select();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const chosen = dialog.returnValue;
        resolve(chosen ? { chosen, values: Object.fromEntries(fields.map((each) => [each.name, each.value])) } : null);
      },
      { once: true },
    );
  });
}
