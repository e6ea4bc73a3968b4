"""Keys for the tests of signatures, made once, and a DNS in which they stand."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from security.dkim import read_message, sign
from security.dkim.keys import render_record
from security.dkim.message import relaxed
from security.dkim.signature import covered_fields, key_name
from security.dkim.signing import PrivateKey, Signer, make_key
from tests.dns_table import DnsTable

DOMAIN = "example.org"
NOW = 1_795_000_000


@cache
def key(kind: str) -> PrivateKey:
    """``rsa``, ``ed25519``, or the bits of a shorter RSA key."""
    return make_key(kind) if not kind.isdecimal() else rsa.generate_private_key(65537, int(kind))


def signer(kind: str = "rsa", domain: str = DOMAIN) -> Signer:
    return Signer(domain, f"s-{kind}", key(kind))


def record(kind: str = "rsa") -> bytes:
    return render_record(key(kind).public_key()).encode()


def zone(*kinds: str, domain: str = DOMAIN) -> DnsTable:
    return DnsTable({(key_name(f"s-{kind}", domain), "TXT"): [record(kind)] for kind in kinds or ("rsa", "ed25519")})


def resigned(letter: bytes, old: bytes, new: bytes, by: Signer | None = None) -> bytes:
    """The letter under a DKIM-Signature that says something else than ours would, and fits nevertheless."""
    by = by or signer()
    field = sign(read_message(letter), (by,), NOW)
    start = field[: field.rindex(b" b=\r\n") + 3]
    assert old in start
    bare = start.replace(old, new) + b"\r\n"
    listed = re.search(rb"\bh\s*=([^;]*);", bare)
    names = [name.strip().decode().lower() for name in listed[1].split(b":")] if listed else []
    message = read_message(bare + letter)
    before = b"".join(message.canonical(place, "relaxed") for place in covered_fields(message, names, 0))
    own = relaxed("dkim-signature", bare.partition(b":")[2])[:-2]
    signature = base64.b64encode(by.sign(hashlib.sha256(before + own).digest()))
    return bare[:-2] + signature + b"\r\n" + letter
