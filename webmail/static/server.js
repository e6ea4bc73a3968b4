// Requests to our own server: parts of pages, actions, and what to do when the session has ended.

const token = () => document.querySelector('meta[name="csrf-token"]').content;

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function fragments(url, names, signal) {
  const answer = await fetch(url, { headers: { "X-Fragments": names.join(",") }, signal });
  if (answer.redirected && !answer.headers.get("Content-Type")?.includes("json")) {
    location.assign(answer.url);
    return new Promise(() => {});
  }
  return result(answer);
}

export async function post(url, body, options = {}) {
  const data = body instanceof FormData ? body : new URLSearchParams(body);
  data.set("csrf_token", token());
  const headers = { "X-Requested-With": "citymail", Accept: "application/json" };
  return result(await fetch(url, { method: "POST", body: data, headers, ...options }));
}

export async function get(url, signal) {
  return result(await fetch(url, { headers: { Accept: "application/json" }, signal }));
}

async function result(answer) {
  let found = {};
  try {
    found = await answer.json();
  } catch {
    found = {};
  }
  if (!answer.ok) throw new Refused(found.error || document.body.dataset.offline, answer.status);
  return found;
}

// The session ended and the person signed in again in another tab: this page needs the new token.
export async function renew() {
  const found = await get("/session");
  if (found.address !== document.body.dataset.account) throw new Refused(document.body.dataset.offline, 403);
  document.querySelector('meta[name="csrf-token"]').content = found.csrf;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = found.csrf;
}
