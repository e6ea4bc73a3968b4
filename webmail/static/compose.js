// Writing: autosave, attachments, completion, formatted text.  Every save names the draft it goes on from; the server
// says when somebody else went on with it in the meantime, and nothing is overwritten.

import { Refused, post, renew } from "./server.js";
import { fill, startEditor } from "./editor.js";
import { completes } from "./people.js";
import { parse } from "./trusted.js";
import { toast } from "./toasts.js";

const PAUSE = 2500;
const SHORTEST = 8000;
const SHORTEST_WITH_FILES = 30000;

export function startComposer() {
  const form = document.querySelector("[data-composer]");
  if (form) new Composer(form);
}

class Composer {
  constructor(form) {
    this.form = form;
    this.texts = form.dataset;
    this.dirty = false;
    this.saving = null;
    this.savedAt = 0;
    this.timer = 0;
    this.leaving = false;
    this.rich = false;
    this.plainText = form.querySelector("[data-plain-text]");
    this.richText = form.querySelector("[data-rich-text]");
    this.tools = form.querySelector("[data-format]");
    this.state = form.querySelector("[data-saved]");
    for (const field of form.querySelectorAll("[data-people]")) completes(field);
    startEditor(this.richText, this.tools, { link: this.texts.textLink }, () => this.changed());
    for (const button of form.querySelectorAll("[data-unfold]")) {
      button.hidden = !form.querySelector(`[data-field="${button.dataset.unfold}"]`).classList.contains("foldable");
    }
    this.setRich(this.plainText.hasAttribute("data-prefer-rich") || !this.plainText.value.trim());
    form.addEventListener("input", () => this.changed());
    form.addEventListener("submit", (event) => this.submit(event));
    form.addEventListener("click", (event) => this.click(event));
    form.addEventListener("keydown", (event) => this.key(event));
    form.elements.files.addEventListener("change", () => this.attach(form.elements.files.files));
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
  }

  start() {
    const { to } = this.form.elements;
    if (!to.value) return to.focus();
    const area = this.rich ? this.richText : this.plainText;
    area.focus();
    if (!this.rich) return area.setSelectionRange(0, 0);
    const first = area.firstChild ?? area;
    return document.getSelection().collapse(first, 0);
  }

  setRich(rich) {
    if (rich) {
      if (!this.richText.textContent.trim() && this.plainText.value.trim()) fill(this.richText, this.plainText.value);
      if (!this.richText.firstChild) fill(this.richText, "");
    } else if (this.rich) {
      this.plainText.value = this.richText.innerText.replace(/\n{3,}/g, "\n\n");
    }
    this.rich = rich;
    this.form.elements.mode.value = rich ? "rich" : "plain";
    this.richText.hidden = !rich;
    this.plainText.hidden = rich;
    for (const button of this.tools.querySelectorAll("[data-command]")) button.hidden = !rich;
    const toggle = this.tools.querySelector("[data-toggle-rich]");
    toggle.textContent = rich ? toggle.dataset.plain : toggle.dataset.rich;
  }

  changed() {
    this.dirty = true;
    clearTimeout(this.timer);
    const shortest = this.enclosed() > 1e6 ? SHORTEST_WITH_FILES : SHORTEST;
    this.timer = setTimeout(() => this.save(), Math.max(PAUSE, this.savedAt + shortest - Date.now()));
  }

  enclosed() {
    return [...this.form.querySelectorAll("[data-enclosures] [data-size]")].reduce((sum, row) => sum + Number(row.dataset.size), 0);
  }

  data(action, files = []) {
    if (this.rich) this.form.elements.html.value = this.richText.innerHTML;
    const data = new FormData(this.form);
    data.delete("files");
    data.set("action", action);
    if (this.rich) data.set("text", "");
    for (const file of files) data.append("files", file);
    return data;
  }

  // One save at a time: each needs the number that the one before was given.
  async save({ action = "save", files = [], keepalive = false } = {}) {
    clearTimeout(this.timer);
    while (this.saving) await this.saving;
    this.saving = this.saveNow(action, files, keepalive).finally(() => {
      this.saving = null;
    });
    return this.saving;
  }

  async saveNow(action, files, keepalive) {
    const data = this.data(action, files);
    this.dirty = false;
    this.say(files.length ? this.texts.textUploading : this.texts.textSaving);
    try {
      const done = await post("/compose", data, keepalive ? { keepalive } : {});
      this.savedAt = Date.now();
      this.form.elements.draft.value = done.draft || "";
      if (done.enclosures !== undefined) this.form.querySelector("[data-enclosures]").replaceChildren(parse(done.enclosures));
      if (done.draft) history.replaceState(null, "", `/compose/${done.draft}`);
      if (done.notice) toast(done.notice, { error: true });
      this.say(done.saved ?? "");
      return true;
    } catch (fault) {
      this.dirty = true;
      if (fault instanceof Refused && (fault.status === 401 || fault.status === 400)) this.signedOut();
      else if (fault instanceof Refused) this.say(fault.message, true);
      else this.say(this.texts.textOffline, true);
      if (!(fault instanceof Refused)) this.timer = setTimeout(() => this.save(), SHORTEST);
      return false;
    }
  }

  // Signing in again happens in another tab; this page waits for it and goes on with a new token.
  signedOut() {
    this.say(this.texts.textSignedOut, true);
    toast(this.texts.textSignedOut, {
      error: true,
      label: this.texts.textSignIn,
      action: () => {
        window.open("/login", "_blank", "noopener");
        const again = async () => {
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

  say(text, wrong = false) {
    this.state.textContent = text;
    this.state.classList.toggle("wrong", wrong);
  }

  async attach(files) {
    const chosen = [...files];
    if (!chosen.length) return;
    const size = this.enclosed() + chosen.reduce((sum, file) => sum + file.size, 0);
    this.form.elements.files.value = "";
    if ((size * 4) / 3 > Number(this.texts.limit)) {
      toast(this.texts.textTooLarge, { error: true });
      return;
    }
    await this.save({ files: chosen });
  }

  acceptDrops() {
    const hint = this.form.querySelector("[data-drop-hint]");
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    this.form.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.form.classList.add("dropping");
      hint.hidden = false;
    });
    const end = () => {
      this.form.classList.remove("dropping");
      hint.hidden = true;
    };
    this.form.addEventListener("dragleave", (event) => {
      if (!this.form.contains(event.relatedTarget)) end();
    });
    this.form.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      end();
      this.attach(event.dataTransfer.files);
    });
    this.form.addEventListener("paste", (event) => {
      const { files, types } = event.clipboardData;
      if (files.length && !types.includes("text/html")) {
        event.preventDefault();
        this.attach(files);
      }
    });
  }

  click(event) {
    const unfold = event.target.closest("[data-unfold]");
    if (unfold) {
      const field = this.form.querySelector(`[data-field="${unfold.dataset.unfold}"]`);
      field.classList.add("unfolded");
      field.querySelector("textarea").focus();
      unfold.hidden = true;
    }
    if (event.target.closest("[data-toggle-rich]")) {
      if (this.rich && this.richText.querySelector("b,strong,i,em,u,ul,ol,table,a,blockquote") && !window.confirm(this.texts.textToPlain)) return;
      this.setRich(!this.rich);
      this.changed();
    }
    const remove = event.target.closest('button[value^="remove "]');
    if (remove) {
      event.preventDefault();
      this.save({ action: remove.value });
    }
  }

  key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.form.requestSubmit(this.form.querySelector('button[value="send"]'));
    }
  }

  async submit(event) {
    const action = event.submitter?.value ?? "send";
    if (action === "save") {
      event.preventDefault();
      await this.save();
      return;
    }
    if (action === "discard") {
      this.leaving = true;
      return;
    }
    if (this.sending) {
      if (!this.ready) event.preventDefault(); // a second click while the first waits
      return;
    }
    if (event.submitter?.hasAttribute("data-sends") !== false && !this.confirmSending()) {
      event.preventDefault();
      return;
    }
    clearTimeout(this.timer);
    this.sending = true;
    this.leaving = true;
    if (this.saving) {
      // A save on its way makes another version of the draft, which is the one to send.
      event.preventDefault();
      const button = event.submitter;
      while (this.saving) await this.saving;
      this.fill();
      this.ready = true;
      this.form.requestSubmit(button);
    } else {
      this.fill();
      this.ready = true;
    }
    // After the form has been read: a disabled button would not be sent along.
    setTimeout(() => this.lock(true));
  }

  fill() {
    if (!this.rich) return;
    this.form.elements.html.value = this.richText.innerHTML;
  }

  lock(locked) {
    for (const button of this.form.querySelectorAll("button[data-sends]")) button.disabled = locked;
    if (!locked) {
      this.sending = false;
      this.ready = false;
      this.leaving = false;
    }
  }

  confirmSending() {
    const { subject } = this.form.elements;
    const text = this.rich ? this.richText.innerText : this.plainText.value;
    const own = text.split(/\n(?:>|-{5,})/)[0];
    if (!subject.value.trim() && !window.confirm(this.texts.textNoSubject)) return false;
    const words = new RegExp(this.texts.attachmentWords, "i");
    const hasFiles = this.form.querySelector("[data-enclosures] li");
    return hasFiles || !words.test(own) || window.confirm(this.texts.textNoAttachment);
  }
}
