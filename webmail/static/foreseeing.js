// What will be so in a moment is shown now.  A list that was asked for before the server had done it knows nothing of it
// yet: on such a list it is shown again.

const REMOVING = new Set(["archive", "delete", "junk", "inbox", "move"]);
const at = (selector, root = document) => root.querySelector(selector);
let acts = []; // {action, items, until: the last request that cannot know of it, done}

export const removes = (action) => REMOVING.has(action);
export const rowOf = (item) => at(`.row[data-item="${CSS.escape(item)}"]`);

export function foresee(action, items) {
  const act = { action, items, until: Infinity, done: false, before: new Map() };
  for (const item of items) {
    const row = rowOf(item);
    if (row) act.before.set(item, { unread: row.classList.contains("unread"), starred: row.classList.contains("starred") });
  }
  acts.push(act);
  apply(act);
  return act;
}

// The server has done it; ``asked`` is the number of the last request made until then.
export function fulfilled(act, asked) {
  act.until = asked;
}

// The server has not.
export function takeBack(act) {
  acts = acts.filter((each) => each !== act);
  for (const [item, { unread, starred }] of act.before) {
    const row = rowOf(item);
    if (!row) continue;
    if (removes(act.action)) row.hidden = false;
    if (act.action === "read" || act.action === "unread") row.classList.toggle("unread", unread);
    if (act.action === "star" || act.action === "unstar") star(row, starred);
  }
  acts.forEach(apply);
}

// The list is now the one of this request.  Nothing older will come.
export function foreseeAgain(order) {
  acts = acts.filter((act) => act.until >= order);
  acts.forEach(apply);
}

// Asked for once more while it is under way: a second click.
export const isLeaving = (item) => acts.some((act) => !act.done && removes(act.action) && act.items.includes(item));

function apply({ action, items }) {
  for (const item of items) {
    const row = rowOf(item);
    if (!row) continue;
    if (action === "read") row.classList.remove("unread");
    if (action === "unread") row.classList.add("unread");
    if (action === "star" || action === "unstar") star(row, action === "star");
    if (removes(action)) row.hidden = true;
  }
}

function star(row, on) {
  row.classList.toggle("starred", on);
  const button = at(".star", row);
  button.setAttribute("aria-pressed", String(on));
  button.value = `${on ? "unstar" : "star"} ${row.dataset.item}`;
  const use = at("use", button);
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, on ? "#star-filled" : "#star"));
}
