// Requests to our own server: parts of pages, actions, and what to do when the session has ended.

import { all, at } from "./dom";

const token = (): HTMLMetaElement => at<HTMLMetaElement>('meta[name="csrf-token"]')!;

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export interface Parts {
  title: string;
  fragments: Record<string, string>;
}

// After a change: what happened, and what to send to take it back.
export interface Done {
  message: string;
  undo: Record<string, string> | null;
}

export async function fragments(url: string, names: string[], signal?: AbortSignal): Promise<Parts> {
  const answer = await fetch(url, { headers: { "X-Fragments": names.join(",") }, signal: signal ?? null });
  if (answer.redirected && !answer.headers.get("Content-Type")?.includes("json")) {
    location.assign(answer.url);
    return new Promise(() => {});
  }
  return result(answer);
}

export async function post<T>(
  url: string,
  body: FormData | URLSearchParams | Record<string, string>,
  options: RequestInit = {},
): Promise<T> {
  const data = body instanceof FormData ? body : new URLSearchParams(body);
  data.set("csrf_token", token().content);
  const headers = { "X-Requested-With": "citymail", Accept: "application/json" };
  return result(await fetch(url, { method: "POST", body: data, headers, ...options }));
}

export async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  return result(await fetch(url, { headers: { Accept: "application/json" }, signal: signal ?? null }));
}

async function result<T>(answer: Response): Promise<T> {
  let found: T | { error: string };
  try {
    found = await answer.json();
  } catch {
    found = { error: "" };
  }
  if (!answer.ok) throw new Refused((found as { error?: string }).error || offline(), answer.status);
  return found as T;
}

export const offline = (): string => document.body.dataset.offline ?? "";

// What a failed request has to say to a person.
export const reason = (fault: unknown): string => (fault instanceof Refused ? fault.message : offline());

// The session ended and the person signed in again in another tab: this page needs the new token.
export async function renew(): Promise<void> {
  const found = await get<{ address: string; csrf: string }>("/session");
  if (found.address !== document.body.dataset.account) throw new Refused(offline(), 403);
  token().content = found.csrf;
  for (const field of all<HTMLInputElement>('input[name="csrf_token"]')) field.value = found.csrf;
}
