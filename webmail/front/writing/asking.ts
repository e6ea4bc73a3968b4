// Small questions in a window of their own: the browser keeps the keyboard in it, and gives it back.

import { all, at } from "../dom";

type Answer = { chosen: string; values: Record<string, string> } | null;

let answered: Promise<Answer> = Promise.resolve(null);

// The button that was chosen and what stands in the fields; null when nothing was wanted.
export async function ask(name: string, values: Record<string, string>): Promise<Answer> {
  await answered; // a window tells later that it was closed, and would tell whoever asks next
  const dialog = at<HTMLDialogElement>(`dialog[data-asks="${name}"]`)!;
  const fields = all<HTMLInputElement>("input", dialog);
  for (const field of fields) field.value = values[field.name] ?? field.defaultValue;
  dialog.returnValue = "";
  dialog.showModal();
  fields[0]?.select();
  answered = new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const chosen = dialog.returnValue;
        resolve(chosen ? { chosen, values: Object.fromEntries(fields.map((each) => [each.name, each.value])) } : null);
      },
      { once: true },
    );
  });
  return answered;
}
