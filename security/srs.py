"""The Sender Rewriting Scheme: a reverse-path of ours for mail that we forward, from which bounces find back.

Forwarded mail would fail SPF at the next server, for it comes from us with a stranger's domain in its reverse-path.
So the reverse-path becomes ``SRS0=hash=day=domain=local@ours``; one that another forwarder has rewritten already
becomes ``SRS1=hash=forwarder==rest@ours``, which leads a bounce to that forwarder, and never through all of a chain.
The hash, an HMAC under a secret of ours, keeps strangers from sending through us what only looks like a bounce, and the
day (modulo 1,024, in two characters) ends an address some weeks after it was made.

Case does not matter in the hash or the day: some servers on the way back lose it.

Standards: no RFC; "The Sender Rewriting Scheme" (Shevek, 2004), as postsrsd and libsrs2 speak it.  RFC 5321 §4.5.3.1.1
(a local part has 64 octets; longer ones are made here, as all who speak SRS do, and are accepted by nearly all).
"""

from __future__ import annotations

import hashlib
import hmac
import re

MAX_AGE_DAYS = 21
_DAY = 86_400
_DAYS = 1024
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_HASH = 6  # characters; of base 32 here, so that case cannot be lost

_FLAGS = re.IGNORECASE | re.DOTALL | re.ASCII
_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([A-Z2-7]{2})=([^=]+)=(.*)", _FLAGS)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=([=+-].*)", _FLAGS)


class NotOurs(ValueError):
    """The address was not made here, or too long ago."""


def is_rewritten(local_part: str) -> bool:
    """Whether an address looks as if this scheme had made it."""
    return _SRS0.fullmatch(local_part) is not None or _SRS1.fullmatch(local_part) is not None


def rewrite(reverse_path: str, our_domain: str, secret: bytes, now: int) -> str:
    """The reverse-path to forward with.  ``now``: seconds since 1970."""
    local, _, domain = reverse_path.rpartition("@")
    again = _SRS1.fullmatch(local)
    if again is not None:
        # The first forwarder stays the one to whom bounces go.
        return f"SRS1={_hash(secret, again[2], again[3])}={again[2]}={again[3]}@{our_domain}"
    if _SRS0.fullmatch(local) is not None:
        rest = local[len("SRS0") :]
        return f"SRS1={_hash(secret, domain, rest)}={domain}={rest}@{our_domain}"
    day = _day(now)
    return f"SRS0={_hash(secret, day, domain, local)}={day}={domain}={local}@{our_domain}"


def restore(local_part: str, secret: bytes, now: int) -> str:
    """Where a bounce to one of our addresses goes.  Raises NotOurs."""
    again = _SRS1.fullmatch(local_part)
    if again is not None:
        given, forwarder, rest = again.groups()
        _check(given, _hash(secret, forwarder, rest))
        return f"SRS0{rest}@{forwarder}"
    found = _SRS0.fullmatch(local_part)
    if found is None:
        raise NotOurs(f"{local_part!r} is no address of SRS")
    given, day, domain, local = found.groups()
    _check(given, _hash(secret, day.upper(), domain, local))
    made = _BASE32.index(day[0].upper()) * 32 + _BASE32.index(day[1].upper())
    if (now // _DAY - made) % _DAYS > MAX_AGE_DAYS:
        raise NotOurs(f"{local_part!r} is too old")
    return f"{local}@{domain}"


def _check(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.upper().encode(), wanted.encode()):
        raise NotOurs("the hash is not ours")


def _hash(secret: bytes, *parts: str) -> str:
    octets = "\0".join(part.lower() for part in parts).encode("utf-8", "surrogatepass")
    digest = hmac.digest(secret, octets, hashlib.sha256)
    return "".join(_BASE32[octet & 31] for octet in digest[:_HASH])


def _day(now: int) -> str:
    number = now // _DAY % _DAYS
    return _BASE32[number >> 5] + _BASE32[number & 31]
