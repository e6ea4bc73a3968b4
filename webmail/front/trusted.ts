// The one place where text becomes markup (Trusted Types policy "citymail").
// It is given two things only: parts of pages rendered by our own server, and HTML that was pasted or that the editor
// noted down, which stays in an inert template and is rebuilt from there element by element (writing/cleaning.ts), never
// shown as it came.

interface Policy {
  createHTML(text: string): string;
}

declare global {
  interface Window {
    readonly trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
  }
}

const policy = window.trustedTypes?.createPolicy("citymail", { createHTML: (text) => text });

export function parse(text: string): DocumentFragment {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(text) : text;
  return template.content;
}
