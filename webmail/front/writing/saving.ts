// A letter is kept in this browser at once and on the server soon.  Every save names the draft it goes on from; the
// server says when somebody else went on with it in the meantime, and nothing is overwritten.

import { at } from "../dom";
import { forget, keep, nameOf } from "../local";
import { post, Refused, renew } from "../server";
import { toast } from "../toasts";
import { parse } from "../trusted";
import { tellConflict } from "./conflict";
import type { Sheet } from "./sheet";
import type { LetterText } from "./text";

const AT_ONCE = 250;
const PAUSE = 2500;
const SHORTEST = 8000;
const SHORTEST_WITH_FILES = 30000;

export const KEPT = "author to cc bcc subject mode text html in_reply_to references answers work".split(" ");

interface Saved {
  draft: string | null;
  work?: string;
  enclosures?: string;
  pictures?: string[];
  notice?: string;
  beside?: string;
  saved?: string;
}

interface What {
  action?: string;
  files?: File[];
  pictures?: File[];
  keepalive?: boolean;
}

export class Saving {
  readonly window: string;
  private readonly name: string; // what the letter is kept as in this browser
  private changes: number;
  private keeping = 0;
  private dirty = false;
  private running: Promise<Saved | null> | null = null;
  private savedAt = 0;
  private timer = 0;

  constructor(
    private readonly sheet: Sheet,
    private readonly words: () => LetterText,
  ) {
    // A form that comes back with a fault goes on in the same window.
    const [known, changes] = sheet.field("window").value.split(" ");
    this.window = known || crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.changes = Number(changes ?? 0);
    this.name = nameOf(this.window);
    this.tellWindow();
  }

  get isDirty(): boolean {
    return this.dirty;
  }

  changed(): void {
    this.dirty = true;
    this.changes += 1;
    this.tellWindow();
    if (!this.keeping) this.keeping = window.setTimeout(() => this.keepHere(), AT_ONCE);
    window.clearTimeout(this.timer);
    const shortest = this.sheet.enclosed > 1e6 ? SHORTEST_WITH_FILES : SHORTEST;
    this.timer = window.setTimeout(() => this.save(), Math.max(PAUSE, this.savedAt + shortest - Date.now()));
  }

  // One save at a time: each needs the number that the one before was given.
  async save(what: What = {}): Promise<Saved | null> {
    window.clearTimeout(this.timer);
    while (this.running) await this.running;
    this.running = this.saveNow(what).finally(() => {
      this.running = null;
    });
    return this.running;
  }

  // Nothing is saved any more, neither here nor there.
  stop(): void {
    window.clearTimeout(this.timer);
    this.dirty = false;
    forget(this.name);
  }

  // For whoever sends: no save comes after, and the one on its way is over.
  async rest(): Promise<void> {
    window.clearTimeout(this.timer);
    while (this.running) await this.running;
  }

  get isRunning(): boolean {
    return this.running !== null;
  }

  private keepHere(): void {
    this.keeping = 0;
    if (!this.dirty) return;
    if (this.sheet.isSecret) {
      forget(this.name);
      return;
    }
    this.words().fill();
    const fields = KEPT.map((name) => [name, this.sheet.field(name)?.value ?? ""]);
    const draft = this.sheet.field("draft").value;
    keep(
      this.name,
      { draft, changes: this.changes, fields: Object.fromEntries(fields) },
      () => this.dirty && !this.sheet.isSecret,
    );
  }

  // So that the server can say, when the window is gone, how much of its letter it has.
  private tellWindow(): void {
    this.sheet.field("window").value = `${this.window} ${this.changes}`;
  }

  private data({ action = "save", files = [], pictures = [] }: What): FormData {
    this.words().fill();
    const data = new FormData(this.sheet.form);
    data.delete("files");
    data.delete("pictures");
    data.set("action", action);
    if (this.words().isRich) data.set("text", "");
    for (const file of files) data.append("files", file);
    for (const picture of pictures) data.append("pictures", picture);
    return data;
  }

  private async saveNow(what: What): Promise<Saved | null> {
    const { sheet } = this;
    const data = this.data(what);
    const isUpload = Boolean(what.files?.length || what.pictures?.length);
    this.dirty = false;
    sheet.say(sheet.text(isUpload ? "textUploading" : "textSaving"));
    try {
      const done = await post<Saved>("/compose", data, what.keepalive ? { keepalive: true } : {});
      this.savedAt = Date.now();
      if (!this.dirty) forget(this.name);
      this.take(done);
      return done;
    } catch (fault) {
      this.dirty = true;
      this.keepHere();
      this.failed(fault, isUpload);
      return null;
    }
  }

  private take(done: Saved): void {
    const { sheet } = this;
    sheet.field("draft").value = done.draft ?? "";
    if (done.work) sheet.field("work").value = done.work;
    if (done.enclosures !== undefined) at("[data-enclosures]", sheet.form)!.replaceChildren(parse(done.enclosures));
    if (done.draft) history.replaceState(null, "", `/compose/${done.draft}`);
    this.words().saved();
    if (done.notice) tellConflict(sheet, done.notice, done.beside ?? "", () => this.save());
    sheet.say(done.saved ?? "");
  }

  private failed(fault: unknown, isUpload: boolean): void {
    const { sheet } = this;
    if (fault instanceof Refused && (fault.status === 401 || fault.status === 400)) this.signedOut();
    else if (fault instanceof Refused) {
      sheet.say(fault.message, true);
      if (isUpload) toast(fault.message, { error: true });
    } else {
      sheet.say(sheet.text("textOffline"), true);
      this.timer = window.setTimeout(() => this.save(), SHORTEST);
    }
  }

  // Signing in again happens in another tab; this page waits for it and goes on with a new token.
  private signedOut(): void {
    const { sheet } = this;
    sheet.say(sheet.text("textSignedOut"), true);
    toast(sheet.text("textSignedOut"), {
      error: true,
      label: sheet.text("textSignIn"),
      action: () => {
        window.open("/login", "_blank", "noopener");
        const again = async (): Promise<void> => {
          if (document.hidden) return;
          try {
            await renew();
          } catch {
            return;
          }
          document.removeEventListener("visibilitychange", again);
          this.save();
        };
        document.addEventListener("visibilitychange", again);
      },
    });
  }
}
