// Security keys: asks the browser for what the server wants of a key, and puts the answer into the form as if it had been
// typed.  Nothing is imported: the page of the second step has no other script.

type Json = Record<string, unknown>;

const octets = (text: string): ArrayBuffer => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (each) => each.charCodeAt(0)).buffer;
};

const base64 = (data: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(data)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

interface Wanted {
  error?: string;
  publicKey?: Json & { challenge: string };
}

async function wanted(url: string, form: HTMLFormElement): Promise<NonNullable<Wanted["publicKey"]>> {
  const body = new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
  const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
  const found: Wanted = await answer.json().catch(() => ({}));
  if (!found.publicKey) throw new Error(found.error ?? "");
  return found.publicKey;
}

const known = (list: unknown): PublicKeyCredentialDescriptor[] =>
  ((list ?? []) as { id: string; type: "public-key" }[]).map((each) => ({ ...each, id: octets(each.id) }));

async function proof(url: string, form: HTMLFormElement): Promise<string> {
  const asked = await wanted(url, form);
  const publicKey = { ...asked, challenge: octets(asked.challenge), allowCredentials: known(asked.allowCredentials) };
  const found = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  const given = found.response as AuthenticatorAssertionResponse;
  return told(found, {
    clientDataJSON: base64(given.clientDataJSON),
    authenticatorData: base64(given.authenticatorData),
    signature: base64(given.signature),
  });
}

async function newKey(url: string, form: HTMLFormElement): Promise<string> {
  const asked = await wanted(url, form);
  const user = asked.user as { id: string; name: string; displayName: string };
  const publicKey = {
    ...asked,
    challenge: octets(asked.challenge),
    user: { ...user, id: octets(user.id) },
    excludeCredentials: known(asked.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const found = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  const given = found.response as AuthenticatorAttestationResponse;
  return told(found, {
    clientDataJSON: base64(given.clientDataJSON),
    attestationObject: base64(given.attestationObject),
  });
}

const told = (found: PublicKeyCredential, response: Record<string, string>): string =>
  JSON.stringify({ id: found.id, rawId: base64(found.rawId), type: found.type, response });

function complain(form: HTMLFormElement, beside: HTMLElement, why: unknown): void {
  let place = form.querySelector<HTMLElement>("[data-key-fault]");
  if (!place) {
    place = document.createElement("p");
    place.dataset.keyFault = "";
    place.className = "banner caution";
    place.setAttribute("role", "alert");
    beside.after(place);
  }
  // What the browser says of a key is for its maker; our own words are for people.
  const own = why instanceof Error && !(why instanceof DOMException) ? why.message : "";
  place.textContent = own || (beside.dataset.fault ?? "");
}

if ("PublicKeyCredential" in window) {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-security-key]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const form = button.form as HTMLFormElement;
      const code = form.elements.namedItem("code") as HTMLInputElement;
      code.required = false;
      try {
        if (!form.reportValidity()) return;
        const answer = await proof(button.dataset.securityKey ?? "", form);
        code.type = "password"; // nothing to read
        code.maxLength = answer.length;
        code.value = answer;
        button.disabled = true;
        const ways = form.querySelectorAll<HTMLButtonElement>("button:not([type=button])");
        if (ways.length === 1) form.requestSubmit(ways[0]);
        else ways[0]?.focus();
      } catch (why) {
        complain(form, button, why);
      } finally {
        code.required = true;
      }
    });
  }
  for (const form of document.querySelectorAll<HTMLFormElement>("[data-new-security-key]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const answer = await newKey(form.dataset.newSecurityKey ?? "", form);
        (form.elements.namedItem("answer") as HTMLInputElement).value = answer;
        form.submit();
      } catch (why) {
        complain(form, form.querySelector<HTMLElement>("button:last-of-type") ?? form, why);
      }
    });
  }
}
