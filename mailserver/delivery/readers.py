"""Who can read a letter that is encrypted: the certificates behind an address, or what is lacking.

Our own people and mailboxes have theirs in the directory; a group is everybody in it, each with his own; people
outside are those whose certificates the writer has confirmed.  The same answer tells a writer beforehand what stands in
his way, and the sending door for whom to encrypt.

Standards: RFC 8551 §2.7 (what recipients can read), RFC 8550 §4.2.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from directory.database import Question, Reading
from directory.mail.accounts import find_account
from directory.mail.addresses import normalise, owner_row
from directory.mail.recipients import Recipients
from directory.pki.certificates import ENCRYPTION, holding
from directory.pki.correspondents import correspondent_at
from directory.pki.trust import judge_certificate
from directory.tables import group_nested, mail_group
from security.cms import Recipient
from security.paths import Purpose, State

_within = select(mail_group.c.id).where(mail_group.c.id == bindparam("group")).cte("within", recursive=True)
_within = _within.union(select(group_nested.c.member_id).where(group_nested.c.group_id == _within.c.id))
_HIDING = Question(
    select(mail_group.c.id)
    .where(mail_group.c.id.in_(select(_within.c.id)), mail_group.c.hides_members.is_(True))
    .limit(1)
)


class Lack(enum.StrEnum):
    NO_CERTIFICATE = "no-certificate"
    NOT_BELIEVED = "not-believed"  # the judge refuses the one that is known
    MODERATED = "moderated"  # nobody knows who will be in the group when it is let pass
    HIDDEN = "hidden"  # a group that hides its members: the envelope would name them to one another
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Readers:
    """Those behind one address.  ``lacking`` of them cannot read what is encrypted; ``lack`` is why the first cannot,
    and ``state`` what the judge says of his certificate.
    """

    address: str
    recipients: tuple[Recipient, ...] = ()
    lacking: int = 0
    lack: Lack | None = None
    state: State | None = None

    @property
    def count(self) -> int:
        return len(self.recipients) + self.lacking


@dataclass(frozen=True, slots=True)
class _Lacking:
    lack: Lack
    state: State | None = None


def readers_of(people: Reading, writer: str, address: str, found: Recipients | None) -> Readers:
    """``writer`` is an account's id; ``found`` is whom the address reaches."""
    if found is None or not (found.accounts or found.external or found.held):
        return Readers(address, lacking=1, lack=Lack.NOBODY)
    if found.held:
        return Readers(address, lacking=1, lack=Lack.MODERATED)
    if _hides_members(people, address):
        return Readers(address, lacking=1, lack=Lack.HIDDEN)
    every = list(_each(people, writer, found))
    able = tuple(one for one in every if isinstance(one, Recipient))
    unable = [one for one in every if isinstance(one, _Lacking)]
    first = unable[0] if unable else None
    return Readers(address, able, len(unable), first.lack if first else None, first.state if first else None)


def _hides_members(people: Reading, address: str) -> bool:
    """Whether it is a group that hides its members, or has one within."""
    row = owner_row(people, normalise(address))
    return row is not None and row.group_id is not None and people.row(_HIDING, group=row.group_id) is not None


def own_reader(people: Reading, account_id: str) -> Recipient | None:
    """An account's own certificate: what others encrypt for, and what opens its copies and drafts."""
    found = _of_account(people, account_id)
    return found if isinstance(found, Recipient) else None


def _each(people: Reading, writer: str, found: Recipients) -> Iterator[Recipient | _Lacking]:
    for account_id in sorted(found.accounts):
        yield _of_account(people, account_id)
    for address in sorted(found.external):
        yield _outside(people, writer, address)


def _of_account(people: Reading, account_id: str) -> Recipient | _Lacking:
    account = find_account(people, account_id)
    login = account.login if account is not None else ""
    lacking = _Lacking(Lack.NO_CERTIFICATE)
    for one in holding(people, account_id, ENCRYPTION):
        if one.issuer_id is not None:  # ours: the register holds it good, and the judge is asked when it is used
            return Recipient(one.der, login)
        judged = judge_certificate(people, one.der, purpose=Purpose.ENCRYPTION, addresses=(login,))
        if judged.good:
            return Recipient(one.der, login)
        lacking = _Lacking(Lack.NOT_BELIEVED, judged.state)
    return lacking


def _outside(people: Reading, writer: str, address: str) -> Recipient | _Lacking:
    known = correspondent_at(people, writer, address)
    if known is None:
        return _Lacking(Lack.NO_CERTIFICATE)
    judged = judge_certificate(
        people, known.der, purpose=Purpose.ENCRYPTION, companions=known.companions, addresses=(address,)
    )
    if not judged.good:
        return _Lacking(Lack.NOT_BELIEVED, judged.state)
    return Recipient(known.der, address, known.capabilities, known.companions)
