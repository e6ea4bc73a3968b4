// Lists within lists: HTML has the inner one in an item of the outer, Squire beside it, where its Tab and Shift+Tab look.

import { all } from "../dom";
import { made } from "./cleaning";

const LIST = /^[OU]L$/;

// As they are sent.
export function nested<N extends ParentNode>(source: N): N {
  for (const list of all("ul > ul, ul > ol, ol > ul, ol > ol", source)) {
    const before = list.previousElementSibling;
    if (before) before.append(list);
    else {
      const item = made("li");
      list.replaceWith(item);
      item.append(list);
    }
  }
  return source;
}

// As they are edited.
export function beside<N extends ParentNode>(source: N): N {
  for (const item of all("li", source)) {
    for (let last = lastList(item); last; last = lastList(item)) item.after(last);
    if (!item.hasChildNodes()) item.remove();
  }
  return source;
}

function lastList(item: Element): Element | null {
  while (item.lastChild instanceof Text && !item.lastChild.data.trim()) item.lastChild.remove();
  const last = item.lastChild;
  return last instanceof Element && LIST.test(last.tagName) ? last : null;
}
