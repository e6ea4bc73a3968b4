"""The keys that mail of the city's domains is signed with, from their making to their end.

made → published (seen in the DNS) → active → retired → removed.  An active key signs; a retired one does not, but its
record stays in the DNS while mail it signed is on its way; a removed one has no private half any more.  Its row stays,
so that its selector is never given out again (RFC 6376 §3.1).

Of each kind (RSA, Ed25519) a domain has one active key at most.  A domain without active keys is signed for by the
nearest domain above it that is the city's too (RFC 6376 §3.10): a unit may have keys of its own, and need not.

They lie in the directory's database because every process that takes mail needs them at the same moment, on all nodes,
and because a rotation is then one transaction together with its audit record.  Who reads that database may sign: only
the service may (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.addresses import domain_to_ascii, local_domains
from directory.record import record
from directory.tables import dkim_key
from security.dkim.keys import render_record
from security.dkim.names import LONGEST_NAME, is_within, to_ascii
from security.dkim.signature import key_name
from security.dkim.signing import Signer, make_key, pack_key, unpack_key

KINDS = ("rsa", "ed25519")
MADE, PUBLISHED, ACTIVE, RETIRED, REMOVED = "made", "published", "active", "retired", "removed"
# One string of a TXT record (RFC 1035 §3.3.14).
TXT_STRING = 255


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key as an administrator sees it: without its private half."""

    domain: str
    selector: str
    kind: str
    state: str
    record: str
    created_at: int
    published_at: int | None
    activated_at: int | None
    retired_at: int | None

    @property
    def name(self) -> str:
        """Where it is published."""
        return key_name(self.selector, self.domain)


_COLUMNS = (
    dkim_key.c.domain,
    dkim_key.c.selector,
    dkim_key.c.kind,
    dkim_key.c.state,
    dkim_key.c.record,
    dkim_key.c.created_at,
    dkim_key.c.published_at,
    dkim_key.c.activated_at,
    dkim_key.c.retired_at,
)
_ACTIVE = Question(
    select(dkim_key.c.selector, dkim_key.c.secret)
    .where(dkim_key.c.domain == bindparam("domain"), dkim_key.c.state == ACTIVE)
    .order_by(dkim_key.c.kind.desc())  # RSA first: the one that everybody can verify
)


def signers_of(conn: Reading | Writing, domain: str) -> tuple[Signer, ...]:
    """The keys that sign for an address of this domain; none if it is not the city's, or nobody made any."""
    wanted = domain_to_ascii(domain)
    shelf = conn.memory.shelf("dkim signers")
    found: tuple[Signer, ...] | None = shelf.get(wanted)
    if found is None:
        found = shelf[wanted] = _find_signers(conn, wanted)
    return found


def _find_signers(conn: Reading | Writing, domain: str) -> tuple[Signer, ...]:
    ours = local_domains(conn)
    if domain not in ours:
        return ()
    for candidate in sorted((name for name in ours if is_within(domain, name)), key=len, reverse=True):
        rows = conn.rows(_ACTIVE, domain=candidate)
        if rows:
            return tuple(Signer(candidate, selector, unpack_key(bytes(secret))) for selector, secret in rows)
    return ()


def list_keys(conn: Reading | Writing, domain: str = "", *, removed: bool = False) -> list[DkimKey]:
    """All keys, or a domain's; those whose private half is gone only when asked for."""
    statement = select(*_COLUMNS).order_by(dkim_key.c.domain, dkim_key.c.created_at, dkim_key.c.selector)
    if domain:
        statement = statement.where(dkim_key.c.domain == _own_domain(conn, domain))
    if not removed:
        statement = statement.where(dkim_key.c.state != REMOVED)
    return [DkimKey(*tuple(row)) for row in conn.execute(statement)]


def find_key(conn: Reading | Writing, domain: str, selector: str) -> DkimKey:
    """Raises Fault."""
    ours = _own_domain(conn, domain)
    row = conn.execute(
        select(*_COLUMNS).where(dkim_key.c.domain == ours, dkim_key.c.selector == selector.lower())
    ).first()
    if row is None:
        raise Fault("dkim-key-unknown", selector=selector, domain=ours)
    return DkimKey(*tuple(row))


def make(conn: Writing, actor: str, domain: str, kinds: Sequence[str] = KINDS, *, selector: str = "") -> list[DkimKey]:
    """New keys, to be published before they sign; a selector of one's own only for one.  Raises Fault."""
    ours = _own_domain(conn, domain)
    made = []
    for kind in kinds:
        if kind not in KINDS:
            raise Fault("value-invalid", value=kind, what="rsa, ed25519")
        chosen = _free_selector(conn, ours, kind) if not selector else _checked_selector(conn, ours, selector)
        key = make_key(kind)
        values: dict[str, Any] = {
            "domain": ours,
            "selector": chosen,
            "kind": kind,
            "state": MADE,
            "record": render_record(key.public_key()),
            "secret": pack_key(key),
            "created_at": conn.now,
        }
        conn.execute(insert(dkim_key), values)
        record(conn, actor, "dkim.make", key_name(chosen, ours), kind=kind)
        made.append(find_key(conn, ours, chosen))
    return made


def note_published(conn: Writing, actor: str, key: DkimKey) -> None:
    """It was seen in the DNS.  Nothing changes for a key that was seen before."""
    if key.state == MADE:
        _change(conn, key, state=PUBLISHED, published_at=conn.now)
        record(conn, actor, "dkim.publish", key.name)


def activate(conn: Writing, actor: str, domain: str, selector: str, *, unseen: bool = False) -> DkimKey:
    """Sign with it from now on; what signed before it is retired.  ``unseen``: though it was not seen in the DNS.

    Raises Fault.
    """
    key = find_key(conn, domain, selector)
    if key.state == REMOVED:
        raise Fault("dkim-key-removed", selector=key.selector, domain=key.domain)
    if key.state == MADE and not unseen:
        raise Fault("dkim-key-unpublished", selector=key.selector, domain=key.domain)
    if key.state != ACTIVE:
        for other in list_keys(conn, key.domain):
            if other.kind == key.kind and other.state == ACTIVE:
                _retire(conn, actor, other)
        _change(conn, key, state=ACTIVE, activated_at=conn.now, retired_at=None)
        record(conn, actor, "dkim.activate", key.name, unseen=unseen or None)
    return find_key(conn, key.domain, key.selector)


def retire(conn: Writing, actor: str, domain: str, selector: str) -> DkimKey:
    """Sign with it no more.  Raises Fault."""
    key = find_key(conn, domain, selector)
    if key.state == REMOVED:
        raise Fault("dkim-key-removed", selector=key.selector, domain=key.domain)
    if key.state != RETIRED:
        _retire(conn, actor, key)
    return find_key(conn, key.domain, key.selector)


def remove(conn: Writing, actor: str, domain: str, selector: str) -> DkimKey:
    """Forget its private half for ever.  Raises Fault for one that signs."""
    key = find_key(conn, domain, selector)
    if key.state == ACTIVE:
        raise Fault("dkim-key-active", selector=key.selector, domain=key.domain)
    if key.state != REMOVED:
        _change(conn, key, state=REMOVED, secret=None, retired_at=key.retired_at or conn.now)
        record(conn, actor, "dkim.remove", key.name)
    return find_key(conn, key.domain, key.selector)


def txt_strings(text: str) -> list[str]:
    """A record in the strings that a TXT record is made of (RFC 6376 §3.6.2.2)."""
    return [text[start : start + TXT_STRING] for start in range(0, len(text), TXT_STRING)]


def zone_line(key: DkimKey) -> str:
    """The record as it stands in a zone file (RFC 1035 §5.1)."""
    strings = " ".join(f'"{part}"' for part in txt_strings(key.record))
    return f"{key.name}. IN TXT ( {strings} )"


def _retire(conn: Writing, actor: str, key: DkimKey) -> None:
    _change(conn, key, state=RETIRED, retired_at=conn.now)
    record(conn, actor, "dkim.retire", key.name)


def _change(conn: Writing, key: DkimKey, **values: Any) -> None:
    conn.execute(
        update(dkim_key).where(dkim_key.c.domain == key.domain, dkim_key.c.selector == key.selector).values(**values)
    )


def _own_domain(conn: Reading | Writing, domain: str) -> str:
    wanted = domain_to_ascii(domain.strip().rstrip("."))
    if wanted not in local_domains(conn):
        raise Fault("domain-unknown", domain=wanted)
    return wanted


def _free_selector(conn: Writing, domain: str, kind: str) -> str:
    """A name with the day in it, which tells an administrator how old a key is."""
    stem = f"cm{conn.today.replace('-', '')}{kind[0]}"
    taken = {key.selector for key in list_keys(conn, domain, removed=True)}
    number = 1
    while (name := stem if number == 1 else f"{stem}{number}") in taken:
        number += 1
    return name


def _checked_selector(conn: Writing, domain: str, selector: str) -> str:
    wanted = to_ascii(selector)
    if not wanted or len(wanted) > 63 or len(key_name(wanted, domain)) > LONGEST_NAME:
        raise Fault("value-invalid", value=selector, what="selector")
    if any(key.selector == wanted for key in list_keys(conn, domain, removed=True)):
        raise Fault("dkim-key-exists", selector=wanted, domain=domain)
    return wanted
