// Finding elements, with their kinds.

export type Root = ParentNode;

export const at = <E extends HTMLElement>(selector: string, root: Root = document): E | null =>
  root.querySelector<E>(selector);

export const all = <E extends HTMLElement>(selector: string, root: Root = document): E[] => [
  ...root.querySelectorAll<E>(selector),
];

// The element that an event is about; it may be one inside a message's frame, where `instanceof` knows nobody.
export const target = (event: Event): HTMLElement | null => {
  const found = event.target;
  return found && "closest" in found ? (found as HTMLElement) : null;
};

export const closest = <E extends HTMLElement>(event: Event, selector: string): E | null =>
  target(event)?.closest<E>(selector) ?? null;

// The icon that a button shows, by its name in the sprite.
export function setIcon(button: Element, name: string): void {
  const use = button.querySelector("use");
  use?.setAttribute("href", (use.getAttribute("href") ?? "").replace(/#.*/, `#${name}`));
}
