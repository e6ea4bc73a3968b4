// Live news: one event stream from our own server says that something changed; the parts are then asked for again.

import { refresh } from "./mail.js";
import { tellNews, toast } from "./toasts.js";

let stream = null;
let waiting = 0;
let latest = "";

export function startLive() {
  if (!("EventSource" in window)) return;
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
function catchUp(state) {
  latest = state;
  waiting ||= setTimeout(() => {
    waiting = 0;
    const parts = [...document.querySelectorAll("[data-state]")];
    if (parts.some((part) => part.dataset.state !== latest)) refresh();
  }, 120);
}

function connect() {
  stream?.close();
  stream = new EventSource("/events");
  // The first thing that a stream tells, also when the line was down: the page may be older.
  stream.addEventListener("state", (event) => catchUp(JSON.parse(event.data).state));
  stream.addEventListener("change", (event) => {
    const { arrived, state } = JSON.parse(event.data);
    if (arrived > 0) tellNews(document.body.dataset.arrived);
    catchUp(state);
  });
  stream.addEventListener("signed-out", () => {
    stream.close();
    toast(document.body.dataset.signedOut, { label: document.body.dataset.signIn, action: () => location.assign("/login") });
  });
}
