// The one place where text becomes markup (Trusted Types policy "citymail").
// It is given two things only: parts of pages rendered by our own server, and pasted HTML, which stays in an inert
// template and is rebuilt from there element by element (editor.js), never shown as it came.

const policy = window.trustedTypes?.createPolicy("citymail", { createHTML: (text) => text });

export function parse(text) {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(text) : text;
  return template.content;
}
