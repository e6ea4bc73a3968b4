// Lists of Microsoft Word: it writes them as paragraphs, each with its sign or number as text before it.

const LEVEL = /mso-list:\s*l\d+\s+level(\d)/i;
const SIGN = /mso-list:\s*ignore/i;
const NUMBER = /^\s*[\p{L}\d]{1,4}[.)]/u;

const levelOf = (node: Node): number =>
  node instanceof Element ? Number(LEVEL.exec(node.getAttribute("style") ?? "")?.[1] ?? 0) : 0;

// The children of a node, with runs of such paragraphs as lists.
export function listed(source: Node): Node[] {
  const children = [...source.childNodes];
  if (!children.some(levelOf)) return children;
  const out: Node[] = [];
  let open: HTMLElement[] = []; // the lists that go on, the outermost first
  for (const node of children) {
    const level = levelOf(node);
    if (!level) {
      if (node instanceof Text && !node.data.trim()) continue;
      open = [];
      out.push(node);
      continue;
    }
    const [sign, item] = parted(node as Element);
    while (open.length > level) open.pop();
    if (open.length === level && open[level - 1]!.tagName !== sign) open.pop();
    while (open.length < level) {
      const list = document.createElement(sign);
      const last = open.at(-1);
      if (last) (last.lastElementChild ?? last.appendChild(document.createElement("li"))).append(list);
      else out.push(list);
      open.push(list);
    }
    open.at(-1)!.append(item);
  }
  return out;
}

function parted(paragraph: Element): [sign: "OL" | "UL", item: HTMLElement] {
  const item = document.createElement("li");
  let sign = "";
  for (const child of [...paragraph.cloneNode(true).childNodes]) {
    const marks = child instanceof Element ? [child, ...child.querySelectorAll("[style]")] : [];
    const mark = marks.find((each) => SIGN.test(each.getAttribute("style") ?? ""));
    if (mark) sign ||= mark.textContent ?? "";
    if (mark && mark !== child) mark.remove();
    if (mark !== child || !mark) item.append(child);
  }
  return [NUMBER.test(sign) ? "OL" : "UL", item];
}
