// Words that lie in this browser can be read by who wrote them alone, while he is signed in: the pages bring the key.
// A connection that is not secure has no cryptography, and nothing is kept then.

import { at } from "./dom";

const IV = 12; // octets, as AES-GCM wants it

const subtle = crypto.subtle as SubtleCrypto | undefined;
const octetsOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (each) => each.charCodeAt(0));
const textOf = (octets: Uint8Array): string => Array.from(octets, (each) => String.fromCharCode(each)).join("");

let imported: Promise<CryptoKey> | null = null;

function key(): Promise<CryptoKey> | null {
  const given = at<HTMLMetaElement>('meta[name="letter-key"]')?.content;
  if (!imported && subtle && given)
    imported = subtle.importKey("raw", octetsOf(atob(given)), "AES-GCM", false, ["encrypt", "decrypt"]);
  return imported;
}

const way = (name: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams => ({
  name: "AES-GCM",
  iv,
  additionalData: new TextEncoder().encode(name),
});

// One character for each octet.  `name`: what it is kept as; under another name it does not open.
export async function seal(text: string, name: string): Promise<string | null> {
  const own = await key();
  if (!own) return null;
  const iv = crypto.getRandomValues(new Uint8Array(IV));
  const sealed = await subtle!.encrypt(way(name, iv), own, new TextEncoder().encode(text));
  return textOf(iv) + textOf(new Uint8Array(sealed));
}

export async function unseal(sealed: string, name: string): Promise<string | null> {
  const own = await key();
  if (!own) return null;
  const octets = octetsOf(sealed);
  try {
    const open = await subtle!.decrypt(way(name, octets.slice(0, IV)), own, octets.slice(IV));
    return new TextDecoder().decode(open);
  } catch {
    return null;
  }
}
