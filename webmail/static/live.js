// Live news: one event stream from our own server says that something changed; the parts are then asked for again.

import { refresh } from "./mail.js";
import { tellNews, toast } from "./toasts.js";

let stream = null;
let waiting = 0;

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

function connect() {
  stream?.close();
  stream = new EventSource("/events");
  let before = false;
  stream.addEventListener("open", () => {
    if (before) refresh(); // what happened while the line was down
    before = true;
  });
  stream.addEventListener("change", (event) => {
    const { arrived } = JSON.parse(event.data);
    waiting ||= setTimeout(() => {
      waiting = 0;
      refresh();
    }, 120);
    if (arrived > 0) tellNews(document.body.dataset.arrived);
  });
  stream.addEventListener("signed-out", () => {
    stream.close();
    toast(document.body.dataset.signedOut, { label: document.body.dataset.signIn, action: () => location.assign("/login") });
  });
}
