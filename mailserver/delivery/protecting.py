"""S/MIME at the sending door: what the writer wishes is done before anything is kept, and what the city demands is
seen to for every program.

A letter of the webmail comes in the clear, with what is wished for it (``Protection``); scanners have seen it by then.
It is signed, encrypted, or both, and only that is stored: the recipients' copies, the one in Sent, and what waits to be
sent later.  It goes out as wished or not at all.  What a mail program has signed or encrypted itself comes without
wishes and stays as it is, to the octet.

Some domains and units may be written to, or write, in no other way than encrypted (``[smime]``); that is asked of what
goes out, whoever encrypted it.

Standards: RFC 8551 §3.1.3 (seven bits), §3.6; RFC 8550 §3 (the signer's certificate names the author); RFC 5652 §6.2
(recipients stand in the envelope for all to see, so nobody is hidden).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import bindparam, select

from directory.database import Question, Reading
from directory.faults import Fault
from directory.mail.accounts import Account
from directory.mail.addresses import normalise, owner_row
from directory.pki.certificates import ENCRYPTION, holding
from directory.pki.trust import judge_certificate, judging
from directory.staff import units
from directory.tables import account as account_table
from mailserver.delivery.inbound import Taken
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.readers import Readers, own_reader, readers_of
from mailserver.message.addresses import address_text, mailboxes, parse_addresses
from mailserver.message.headers import find_all, find_field, header_end
from mailserver.message.media import parse_media_type
from mailserver.message.seven_bit import to_seven_bit
from mailserver.refusals import NotPermitted, TooLarge
from security.cms import CmsFault, Recipient, RecipientsRefused, Signer, Signing, encrypt, is_encrypted, sign
from security.paths import Purpose

# So much of a message shows whether it is an encryption: any header, and the beginning of the body.
_BEGINNING = 512 << 10
_UNIT_OF = Question(select(account_table.c.unit_id).where(account_table.c.id == bindparam("account")))


@dataclass(frozen=True, slots=True)
class Protection:
    """What the writer wishes: to be signed with a key (which the author's mailbox owns), to be encrypted, or both."""

    signer: Signer | None = None
    encrypts: bool = False


class Obstacle(enum.StrEnum):
    READERS = "readers"  # not everybody can read it
    TOO_MANY = "too-many"
    HIDDEN = "hidden"  # a recipient whom To and Cc do not name
    OWN = "own"  # the writer has no certificate to read his copy by
    SIGNER = "signer"  # the certificate to be signed with is not good, or not for this author
    KEY = "key"  # the key is not to be had
    BROUGHT = "brought"  # the signature that was brought for it (delivery.signed_elsewhere)
    MUST = "must"  # it is not encrypted, and has to be


class CannotProtect(NotPermitted):
    """``readers`` are those who stand in the way; ``fault`` is what the key, or S/MIME, says."""

    def __init__(
        self, obstacle: Obstacle, told: str, readers: Sequence[Readers] = (), fault: CmsFault | None = None
    ) -> None:
        super().__init__(told)
        self.obstacle = obstacle
        self.readers = tuple(readers)
        self.fault = fault


def protect(
    office: PostOffice, submitter: Account, wanted: Protection, taken: Sequence[Taken], octets: bytes | Path
) -> bytes | Path:
    """The letter as wished.  Raises CannotProtect, TooLarge."""
    if wanted.signer is None and not wanted.encrypts:
        return octets
    if isinstance(octets, Path):
        octets = octets.read_bytes()
    config = office.config
    with office.directory.read() as people:
        now = datetime.fromtimestamp(people.now, UTC)
        signing = _signing(people, wanted.signer, octets, now) if wanted.signer is not None else None
        try:
            if wanted.encrypts:
                readers = _all_readers(office, people, submitter, taken, octets)
                pieces = encrypt(
                    octets,
                    readers,
                    at=now,
                    judge=judging(people),
                    signing=signing,
                    hides_subject=config.smime.hide_subject,
                )
            else:
                assert signing is not None
                seven = octets if octets.isascii() else to_seven_bit(octets)
                # what cannot be said in seven bits survives the way only in base64
                pieces = sign(seven or octets, signing, opaque=seven is None)
            protected = b"".join(pieces)
        except RecipientsRefused as refused:
            stand = [Readers(each.address, lacking=1, state=each.judgement.state) for each in refused.refused]
            raise CannotProtect(Obstacle.READERS, str(refused), stand, refused) from refused
        except CmsFault as fault:
            raise CannotProtect(Obstacle.KEY, str(fault), fault=fault) from fault
    if len(protected) > config.smtp.max_message_size:
        raise TooLarge
    return protected


def seal_draft(office: PostOffice, writer: Account, octets: bytes) -> bytes:
    """A letter that is to be encrypted, as it waits to be gone on with: for its writer alone.  Raises CannotProtect."""
    with office.directory.read() as people:
        own = own_reader(people, writer.id)
        if own is None:
            raise CannotProtect(Obstacle.OWN, "The writer has no certificate, and could not open the draft")
        now = datetime.fromtimestamp(people.now, UTC)
        hides = office.config.smime.hide_subject
        try:
            return b"".join(encrypt(octets, [own], at=now, judge=judging(people), hides_subject=hides))
        except CmsFault as fault:
            raise CannotProtect(Obstacle.OWN, str(fault), fault=fault) from fault


def require_encryption(
    office: PostOffice, submitter: Account, reverse_path: str, taken: Sequence[Taken], octets: bytes | Path
) -> None:
    """Raises CannotProtect when this has to be encrypted, and is not."""
    with office.directory.read() as people:
        paths = [each.rcpt.forward_path for each in taken]
        outside = [address for each in taken for address in each.addressee.recipients.external]
        demand = why_encrypted(office, people, submitter, [*paths, *outside])
    if not demand:
        return
    if isinstance(octets, Path):
        with octets.open("rb") as file:
            octets = file.read(_BEGINNING)
    if not is_encrypted(octets) and not _is_receipt(reverse_path, octets):
        raise CannotProtect(Obstacle.MUST, f"Mail of {demand} has to be encrypted (S/MIME)")


def why_encrypted(office: PostOffice, people: Reading, submitter: Account, addresses: Sequence[str]) -> str:
    """The domain or the unit for which mail to these has to be encrypted; empty if for none."""
    rules = office.config.smime
    for address in addresses:
        domain = address.rpartition("@")[2].lower()
        for named in rules.must_encrypt_to:
            if domain == named or domain.endswith(f".{named}"):
                return named
    if rules.must_encrypt_units:
        found = people.row(_UNIT_OF, account=submitter.id)
        return _bound_units(people, rules.must_encrypt_units).get(found[0], "") if found else ""
    return ""


def _bound_units(people: Reading, named: Sequence[str]) -> dict[str, str]:
    """The units below those that are named, today, each with the name by which it is bound."""
    shelf = people.memory.shelf("units that encrypt")
    bound: dict[str, str] | None = shelf.get((people.today, named))
    if bound is None:
        tree, bound = units.tree(people), {}
        for name in named:
            try:
                top = tree.find(name)
            except Fault:
                continue  # a unit that is no more binds nobody
            bound |= {each.id: top.short_name or top.name for each in tree.subtree(top.id)}
        shelf[people.today, named] = bound
    return bound


def _is_receipt(reverse_path: str, octets: bytes) -> bool:
    """RFC 8098 §2.1, RFC 3464: a program's report, which goes out under the null reverse-path."""
    header = octets[: header_end(octets)]
    return (
        not reverse_path and parse_media_type(find_field(header, "Content-Type"), "text/plain")[0] == "multipart/report"
    )


def _signing(people: Reading, signer: Signer, octets: bytes, now: datetime) -> Signing:
    """A signature that its readers will not believe is not made."""
    [author, *_] = [*_named(octets, "From"), ""]
    judged = judge_certificate(people, signer.certificate, purpose=Purpose.SIGNING, addresses=(author,))
    if not judged.good:
        raise CannotProtect(Obstacle.SIGNER, f"The signing certificate does not serve for <{author}>: {judged.reason}")
    owner = owner_row(people, normalise(author))
    answered = holding(people, owner.account_id, ENCRYPTION) if owner is not None and owner.account_id else []
    return Signing([signer], now, judged.path[1:-1], answered[0].der if answered else None)


def _all_readers(
    office: PostOffice, people: Reading, submitter: Account, taken: Sequence[Taken], octets: bytes
) -> list[Recipient]:
    """Everybody who gets it, and the writer.  Raises CannotProtect."""
    named = {normalise(address) for field in ("To", "Cc") for address in _named(octets, field)}
    hidden = [each.rcpt.forward_path for each in taken if normalise(each.rcpt.forward_path) not in named]
    if hidden:
        stand = [Readers(address, lacking=1) for address in hidden]
        raise CannotProtect(Obstacle.HIDDEN, "An encrypted message shows all its readers: it cannot have Bcc", stand)
    every = [readers_of(people, submitter.id, each.rcpt.forward_path, each.addressee.recipients) for each in taken]
    if lacking := [each for each in every if each.lacking]:
        listed = ", ".join(each.address for each in lacking)
        raise CannotProtect(Obstacle.READERS, f"These cannot read encrypted mail: {listed}", lacking)
    readers = [*_writers(people, submitter, octets), *(one for each in every for one in each.recipients)]
    most = office.config.smime.most_recipients
    if len({one.certificate for one in readers}) > most:
        raise CannotProtect(Obstacle.TOO_MANY, f"A message is encrypted for at most {most} people")
    return readers


def _writers(people: Reading, submitter: Account, octets: bytes) -> Iterator[Recipient]:
    """Whose copy lies in Sent, and the mailbox that wrote it: a unit's may be another than the one who sends for it."""
    owners = {submitter.id: None}
    for author in _named(octets, "From"):
        row = owner_row(people, normalise(author))
        if row is not None and row.account_id is not None:
            owners[row.account_id] = None
    for account_id in owners:
        own = own_reader(people, account_id)
        if own is None:
            raise CannotProtect(Obstacle.OWN, "The writer has no certificate, and could not read the copy in Sent")
        yield own


def _named(octets: bytes, field: str) -> list[str]:
    header = octets[: header_end(octets)]
    return [
        address_text(each)
        for value in find_all(header, field)
        for each in mailboxes(parse_addresses(value))
        if each.domain
    ]
