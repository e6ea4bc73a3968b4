// Live news: one event stream from our own server says that something changed; the parts are then asked for again.

import { all } from "./dom";
import { refresh } from "./showing";
import { tellNews, toast } from "./toasts";

let stream: EventSource | null = null;
let waiting = 0;
let latest = "";

export function startLive(): void {
  connect();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (!stream || stream.readyState === EventSource.CLOSED)) {
      connect();
      refresh();
    }
  });
  window.addEventListener("pagehide", () => stream?.close());
}

// Parts that already show this state, because they were asked for after an act of one's own, are not asked for again.
function catchUp(state: string): void {
  latest = state;
  if (waiting) return;
  waiting = window.setTimeout(() => {
    waiting = 0;
    if (all("[data-state]").some((part) => part.dataset.state !== latest))
      refresh(all(".handling").length ? ["list", "sidebar", "reading"] : undefined);
  }, 120);
}

function connect(): void {
  stream?.close();
  const opened = new EventSource("/events");
  stream = opened;
  // The first thing that a stream tells, also when the line was down: the page may be older.
  opened.addEventListener("state", (event) => catchUp(JSON.parse(event.data).state));
  opened.addEventListener("change", (event) => {
    const { arrived, state } = JSON.parse(event.data);
    if (arrived > 0) tellNews(document.body.dataset.arrived ?? "");
    catchUp(state);
  });
  opened.addEventListener("signed-out", () => {
    opened.close();
    toast(document.body.dataset.signedOut ?? "", {
      label: document.body.dataset.signIn ?? "",
      action: () => location.assign("/login"),
    });
  });
}
