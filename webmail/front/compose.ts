// Writing: autosave, attachments, completion, formatted text.  Every save names the draft it goes on from; the server
// says when somebody else went on with it in the meantime, and nothing is overwritten.

import { all, at, closest } from "./dom";
import { fill, isFormatted, rebuild, startEditor } from "./editor";
import { claim, forget, type Kept, keep, leftOver } from "./local";
import { completes } from "./people";
import { post, Refused, renew } from "./server";
import "./protecting";
import "./remarks";
import "./signatures";
import { toast } from "./toasts";
import { parse } from "./trusted";

const AT_ONCE = 250;
const PAUSE = 2500;
const SHORTEST = 8000;
const SHORTEST_WITH_FILES = 30000;

const KEPT = ["author", "to", "cc", "bcc", "subject", "mode", "text", "html", "in_reply_to", "references", "answers"];

interface Saved {
  draft: string | null;
  enclosures?: string;
  notice?: string;
  saved?: string;
}

class MailComposer extends HTMLElement {
  private readonly form = at<HTMLFormElement>("form", this)!;
  private readonly texts = this.form.dataset;
  private readonly plainText = at<HTMLTextAreaElement>("[data-plain-text]", this)!;
  private readonly richText = at("[data-rich-text]", this)!;
  private readonly tools = at("[data-format]", this)!;
  private readonly state = at("[data-saved]", this)!;
  private readonly owner = `${document.body.dataset.account} ${this.dataset.mailbox}`;
  private readonly tab = crypto.getRandomValues(new Uint32Array(2)).join("-");
  private keeping = 0;
  private dirty = false;
  private saving: Promise<boolean> | null = null;
  private savedAt = 0;
  private timer = 0;
  private leaving = false;
  private sending = false;
  private ready = false;
  private rich = false;

  connectedCallback(): void {
    const { form } = this;
    for (const field of all<HTMLTextAreaElement>("[data-people]", form)) completes(field);
    startEditor(this.richText, this.tools, { link: this.text("textLink") }, () => this.changed());
    for (const button of all("[data-unfold]", form)) {
      button.hidden = !this.foldable(button).classList.contains("foldable");
    }
    this.setRich(this.plainText.hasAttribute("data-prefer-rich") || !this.plainText.value.trim());
    form.addEventListener("input", () => this.changed());
    form.addEventListener("submit", (event) => this.submitted(event));
    form.addEventListener("click", (event) => this.clicked(event));
    form.addEventListener("keydown", (event) => this.keyed(event));
    const files = this.field("files");
    files.addEventListener("change", () => this.attach(files.files ?? []));
    this.acceptDrops();
    window.addEventListener("beforeunload", (event) => {
      if (this.dirty && !this.leaving) event.preventDefault();
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.lock(false); // back by the browser's own button
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && this.dirty && !this.leaving) this.save({ keepalive: true });
    });
    this.start();
    claim(this.tab);
    this.offerLeftOver();
  }

  private field(name: string): HTMLInputElement {
    return this.form.elements.namedItem(name) as HTMLInputElement;
  }

  private text(name: string): string {
    return this.texts[name] ?? "";
  }

  private foldable(button: HTMLElement): HTMLElement {
    return at(`[data-field="${button.dataset.unfold}"]`, this.form)!;
  }

  private start(): void {
    const to = this.field("to");
    if (!to.value) {
      to.focus();
    } else if (this.rich) {
      this.richText.focus();
      document.getSelection()?.collapse(this.richText.firstChild ?? this.richText, 0);
    } else {
      this.plainText.focus();
      this.plainText.setSelectionRange(0, 0);
    }
  }

  private setRich(rich: boolean): void {
    if (rich) {
      if (!this.richText.textContent?.trim() && this.plainText.value.trim()) fill(this.richText, this.plainText.value);
      if (!this.richText.firstChild) fill(this.richText, "");
    } else if (this.rich) {
      this.plainText.value = this.richText.innerText.replace(/\n{3,}/g, "\n\n");
    }
    this.rich = rich;
    this.field("mode").value = rich ? "rich" : "plain";
    this.richText.hidden = !rich;
    this.plainText.hidden = rich;
    for (const button of all("[data-command]", this.tools)) button.hidden = !rich;
    const toggle = at("[data-toggle-rich]", this.tools)!;
    toggle.textContent = (rich ? toggle.dataset.plain : toggle.dataset.rich) ?? "";
  }

  private changed(): void {
    this.dirty = true;
    if (!this.keeping) this.keeping = window.setTimeout(() => this.keepHere(), AT_ONCE);
    window.clearTimeout(this.timer);
    const shortest = this.enclosed() > 1e6 ? SHORTEST_WITH_FILES : SHORTEST;
    this.timer = window.setTimeout(() => this.save(), Math.max(PAUSE, this.savedAt + shortest - Date.now()));
  }

  // Not what nobody but its readers shall have in clear.
  private get isSecret(): boolean {
    return this.field("secret")?.value === "1" || Boolean(this.field("encrypt")?.checked);
  }

  private keepHere(): void {
    this.keeping = 0;
    if (!this.dirty) return;
    if (this.isSecret) {
      forget(this.owner, this.tab);
      return;
    }
    this.fill();
    const fields = KEPT.map((name) => [name, this.field(name)?.value ?? ""]);
    keep(this.owner, this.tab, this.field("draft").value, Object.fromEntries(fields));
  }

  // Text that no server has, of a window that is gone: of this draft, or of any where nothing is written yet.
  private async offerLeftOver(): Promise<void> {
    const draft = this.field("draft").value;
    const isBlank =
      !draft && !this.field("to").value && !this.field("in_reply_to").value && !this.field("subject").value;
    const [found] = (await leftOver(this.owner)).filter(([, kept]) => (draft ? kept.draft === draft : isBlank));
    if (!found) return;
    const [id, kept] = found;
    const box = at("[data-left-over]", this)!;
    const time = new Date(kept.at).toLocaleString(document.documentElement.lang, {
      dateStyle: "short",
      timeStyle: "short",
    });
    at("span", box)!.textContent = this.text("textLeftOver")
      .replace("{time}", time)
      .replace("{subject}", kept.fields.subject || "…");
    box.hidden = false;
    box.addEventListener("click", (event) => {
      const button = closest<HTMLButtonElement>(event, "button");
      if (!button) return;
      if (button.value === "restore") this.restore(kept);
      forget(this.owner, id);
      box.hidden = true;
    });
  }

  private restore({ draft, fields }: Kept): void {
    for (const [name, value] of Object.entries(fields)) {
      const field = this.field(name);
      if (field && KEPT.includes(name)) field.value = value;
    }
    this.field("draft").value = draft;
    this.richText.replaceChildren(rebuild(parse(fields.html ?? "")));
    this.setRich(fields.mode === "rich");
    for (const button of all("[data-unfold]", this)) {
      if (this.field(button.dataset.unfold!).value) button.click();
    }
    this.changed();
  }

  private enclosed(): number {
    return all("[data-enclosures] [data-size]", this.form).reduce((sum, row) => sum + Number(row.dataset.size), 0);
  }

  private data(action: string, files: File[] = []): FormData {
    this.fill();
    const data = new FormData(this.form);
    data.delete("files");
    data.set("action", action);
    if (this.rich) data.set("text", "");
    for (const file of files) data.append("files", file);
    return data;
  }

  // One save at a time: each needs the number that the one before was given.
  private async save({ action = "save", files = [] as File[], keepalive = false } = {}): Promise<boolean> {
    window.clearTimeout(this.timer);
    while (this.saving) await this.saving;
    this.saving = this.saveNow(action, files, keepalive).finally(() => {
      this.saving = null;
    });
    return this.saving;
  }

  private async saveNow(action: string, files: File[], keepalive: boolean): Promise<boolean> {
    const data = this.data(action, files);
    this.dirty = false;
    this.say(this.text(files.length ? "textUploading" : "textSaving"));
    try {
      const done = await post<Saved>("/compose", data, keepalive ? { keepalive } : {});
      this.savedAt = Date.now();
      if (!this.dirty) forget(this.owner, this.tab);
      this.field("draft").value = done.draft ?? "";
      if (done.enclosures !== undefined) at("[data-enclosures]", this.form)!.replaceChildren(parse(done.enclosures));
      if (done.draft) history.replaceState(null, "", `/compose/${done.draft}`);
      if (done.notice) toast(done.notice, { error: true });
      this.say(done.saved ?? "");
      return true;
    } catch (fault) {
      this.dirty = true;
      if (fault instanceof Refused && (fault.status === 401 || fault.status === 400)) this.signedOut();
      else if (fault instanceof Refused) this.say(fault.message, true);
      else this.say(this.text("textOffline"), true);
      if (!(fault instanceof Refused)) this.timer = window.setTimeout(() => this.save(), SHORTEST);
      return false;
    }
  }

  // Signing in again happens in another tab; this page waits for it and goes on with a new token.
  private signedOut(): void {
    this.say(this.text("textSignedOut"), true);
    toast(this.text("textSignedOut"), {
      error: true,
      label: this.text("textSignIn"),
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

  private say(text: string, wrong = false): void {
    this.state.textContent = text;
    this.state.classList.toggle("wrong", wrong);
  }

  private async attach(files: Iterable<File>): Promise<void> {
    const chosen = [...files];
    if (!chosen.length) return;
    const size = this.enclosed() + chosen.reduce((sum, file) => sum + file.size, 0);
    this.field("files").value = "";
    if ((size * 4) / 3 > Number(this.texts.limit)) {
      toast(this.text("textTooLarge"), { error: true });
      return;
    }
    await this.save({ files: chosen });
  }

  private acceptDrops(): void {
    const { form } = this;
    const hint = at("[data-drop-hint]", form)!;
    const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    form.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      form.classList.add("dropping");
      hint.hidden = false;
    });
    const end = (): void => {
      form.classList.remove("dropping");
      hint.hidden = true;
    };
    form.addEventListener("dragleave", (event) => {
      if (!form.contains(event.relatedTarget as Node | null)) end();
    });
    form.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      end();
      this.attach(event.dataTransfer?.files ?? []);
    });
    form.addEventListener("paste", (event) => {
      const data = event.clipboardData;
      if (data?.files.length && !data.types.includes("text/html")) {
        event.preventDefault();
        this.attach(data.files);
      }
    });
  }

  private clicked(event: MouseEvent): void {
    const unfold = closest(event, "[data-unfold]");
    if (unfold) {
      const field = this.foldable(unfold);
      field.classList.add("unfolded");
      at("textarea", field)?.focus();
      unfold.hidden = true;
    }
    if (closest(event, "[data-toggle-rich]")) {
      if (this.rich && isFormatted(this.richText) && !window.confirm(this.text("textToPlain"))) return;
      this.setRich(!this.rich);
      this.changed();
    }
    const remove = closest<HTMLButtonElement>(event, 'button[value^="remove "]');
    if (remove) {
      event.preventDefault();
      this.save({ action: remove.value });
    }
  }

  private keyed(event: KeyboardEvent): void {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.form.requestSubmit(at('button[value="send"]', this.form));
    }
  }

  private async submitted(event: SubmitEvent): Promise<void> {
    const button = event.submitter as HTMLButtonElement | null;
    const action = button?.value ?? "send";
    if (action === "save") {
      event.preventDefault();
      await this.save();
      return;
    }
    if (action === "discard") {
      this.leaving = true;
      this.dirty = false;
      forget(this.owner, this.tab);
      return;
    }
    if (this.sending) {
      if (!this.ready) event.preventDefault(); // a second click while the first waits
      return;
    }
    if (button?.hasAttribute("data-sends") !== false && !this.confirmSending()) {
      event.preventDefault();
      return;
    }
    window.clearTimeout(this.timer);
    this.sending = true;
    this.leaving = true;
    if (this.saving) {
      // A save on its way makes another version of the draft, which is the one to send.
      event.preventDefault();
      while (this.saving) await this.saving;
      this.fill();
      this.ready = true;
      this.form.requestSubmit(button);
    } else {
      this.fill();
      this.ready = true;
    }
    // After the form has been read: a disabled button would not be sent along.
    window.setTimeout(() => this.lock(true));
  }

  private fill(): void {
    if (this.rich) this.field("html").value = this.richText.innerHTML;
  }

  private lock(locked: boolean): void {
    for (const button of all<HTMLButtonElement>("button[data-sends]", this.form)) button.disabled = locked;
    if (!locked) {
      this.sending = false;
      this.ready = false;
      this.leaving = false;
    }
  }

  private confirmSending(): boolean {
    const text = this.rich ? this.richText.innerText : this.plainText.value;
    const own = text.split(/\n(?:>|-{5,})/)[0] ?? "";
    if (!this.field("subject").value.trim() && !window.confirm(this.text("textNoSubject"))) return false;
    const words = new RegExp(this.text("attachmentWords"), "i");
    const hasFiles = at("[data-enclosures] li", this.form) !== null;
    return hasFiles || !words.test(own) || window.confirm(this.text("textNoAttachment"));
  }
}

customElements.define("mail-composer", MailComposer);
