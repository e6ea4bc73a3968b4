"""Giving people and mailboxes their certificates, and keeping those what they should be.

``reconcile`` compares accounts with certificates, lot by lot, and does what is due: whoever has none gets them; whose
name, unit or addresses have changed, or whose certificates end soon, gets others; who is gone has his revoked.  It
keeps nothing of its own: where it was stopped, it is begun again, and finds what is left to do.

Keys are made by the key process, which gives out their public halves, and certificates signed here; both outside of any
transaction, and whatever has changed meanwhile is left for the next time.

Standards: RFC 8550 §2.3, §4.4.3; RFC 5280 §4.1.2.6.
Limits: ``MOST_ADDRESSES`` addresses in a certificate, the primary one first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from directory.database import Directory, Reading, Writing
from directory.faults import Fault
from directory.keys.making import keep_key
from directory.pki.certificates import (
    ACTIVE,
    COLUMNS,
    LEFT,
    MOVED,
    PURPOSES,
    SIGNING,
    SUPERSEDED,
    Certificate,
    expire,
    insert_certificate,
    read_row,
    revoke,
    supersede,
)
from directory.pki.issuers import DAY, Certifier, Practice
from directory.record import Recorder
from directory.tables import account, address, certificate, certificate_address
from security.authority.issuing import issue, serial_from
from security.authority.names import mailbox, subject
from security.authority.profiles import ENCRYPTION as ENCRYPTION_PROFILE
from security.authority.profiles import SIGNING as SIGNING_PROFILE
from security.keys.made import MadeKey
from security.mailbox_names import comparable

ACTOR = "certifier"
MOST_ADDRESSES = 20
_LOT = 50
_PROFILES = {SIGNING: SIGNING_PROFILE, "encryption": ENCRYPTION_PROFILE}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate is for, as it will say."""

    account_id: str
    login: str
    name: str
    unit: str
    status: str
    addresses: tuple[str, ...]

    def subject(self, practice: Practice) -> x509.Name:
        # the account tells two people of one name apart, and outlives a change of address
        return subject(
            self.name or self.login,
            organization=practice.organization,
            unit=self.unit,
            serial_number=self.account_id,
            country=practice.country,
        )


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that is wanted, and those in whose place it comes; ``moved``: these say what is true no more."""

    holder: Holder
    purpose: str
    replaces: tuple[Certificate, ...] = ()
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    order: Order
    key: MadeKey
    der: bytes = field(repr=False)


@dataclass(slots=True)
class Tally:
    """How far a reconciliation has come; ``reached``: the account to go on after, none if it has come to its end."""

    reached: str = ""
    accounts: int = 0
    issued: int = 0
    failed: int = 0
    revoked: int = 0
    expired: int = 0


def reconcile(
    directory: Directory,
    certifier: Certifier,
    *,
    actor: str = ACTOR,
    threads: int = 1,
    urgent_only: bool = False,
    after: str = "",
    told: Callable[[Tally], object] = lambda tally: None,
    is_over: Callable[[], bool] = lambda: False,
    complain: Callable[..., object] = lambda *words: None,
) -> Tally:
    """Bring all certificates in line with all accounts.

    ``urgent_only``: look at newcomers and leavers alone, whom the database finds.  ``after``: where one that was
    stopped had come.  ``is_over`` is asked between lots; ``complain`` hears of accounts that cannot be certified.
    """
    tally = Tally()
    with directory.write() as conn:
        while count := expire(conn):
            tally.expired += count
    tally.reached = after
    with ThreadPoolExecutor(threads, thread_name_prefix="keys") as pool:
        while True:
            after = tally.reached
            with directory.read() as reading:
                lot = _holders(reading, after, urgent_only)
                wanted = list(orders(reading, lot, certifier))
                gone = _left_over(reading, lot)
            if not lot:
                tally.reached = ""
                return tally
            tally.reached = lot[-1].account_id
            if gone:
                with directory.write() as conn:
                    tally.revoked += revoke(conn, actor, gone, LEFT)
            certifier.keys.prepare([order.holder.account_id for order in wanted])
            tried = list(pool.map(partial(_try, directory, certifier, complain), wanted))
            made = [one for one in tried if one is not None]
            if made:
                with directory.write() as conn:
                    tally.issued += keep(conn, actor, certifier, made)
            tally.failed += len(tried) - len(made)
            tally.accounts += len(lot)
            told(tally)
            if is_over():
                return tally


def take_back(directory: Directory, *, actor: str = ACTOR) -> int:
    """Revoke what those still have who are gone; how many.  For this, nobody's key is needed."""
    count = 0
    gone = exists().where(account.c.id == certificate.c.account_id, account.c.status == "closed")
    chosen = select(*COLUMNS).where(
        certificate.c.state == ACTIVE, certificate.c.purpose.in_(PURPOSES), certificate.c.account_id.is_not(None), gone
    )
    while True:
        with directory.write() as conn:
            lot = [read_row(row) for row in conn.execute(chosen.limit(_LOT))]
            count += revoke(conn, actor, lot, LEFT)
        if len(lot) < _LOT:
            return count


def _try(directory: Directory, certifier: Certifier, complain: Callable[..., object], order: Order) -> Made | None:
    """Somebody whose name or address fits no certificate must not keep all others from theirs."""
    try:
        return make(directory, certifier, order)
    except ValueError as fault:
        complain("no certificate can be made for %s: %s", order.holder.login, fault)
        return None


def enrol(
    directory: Directory, certifier: Certifier, account_id: str, *, actor: str = ACTOR, anew: bool = False
) -> int:
    """One account's certificates, at once; how many were issued.  ``anew``: though it has good ones.  Raises Fault."""
    with directory.read() as reading:
        found = [one for one in _held(reading, [account_id]) if one.status == "active"]
        if not found:
            raise Fault("account-idle", account=account_id)
        wanted = list(orders(reading, found, certifier, anew=anew))
    made = [make(directory, certifier, order) for order in wanted]
    with directory.write() as conn:
        return keep(conn, actor, certifier, made)


def count_accounts(conn: Reading | Writing) -> int:
    """How many a reconciliation goes through."""
    found: int = conn.execute(select(func.count()).select_from(account)).scalar_one()
    return found


def orders(
    conn: Reading | Writing, holders: Sequence[Holder], certifier: Certifier, *, anew: bool = False
) -> Iterator[Order]:
    """What is lacking, out of date, or ends soon."""
    owned = _issued(conn, [holder.account_id for holder in holders])
    named = _names(conn, [one for group in owned.values() for one in group])
    for holder in holders:
        if holder.status != "active":
            continue  # who is locked keeps what he has
        says = holder.subject(certifier.practice).rfc4514_string()
        wanted = {_comparable(one) for one in holder.addresses}
        for purpose in PURPOSES:
            current = tuple(one for one in owned.get(holder.account_id, ()) if one.purpose == purpose)
            # nobody is to sign any more as who he was, or under an address that is not his
            moved = any(one.subject != says or named[one.id] - wanted for one in current)
            is_whole = any(wanted <= named[one.id] and _lasts(conn, one, certifier) for one in current)
            if anew or moved or not is_whole:
                yield Order(holder, purpose, current, moved)


def make(directory: Directory, certifier: Certifier, order: Order) -> Made:
    """A key, and its certificate: the costly part, outside of any transaction."""
    practice, holder = certifier.practice, order.holder
    key = certifier.keys.make(holder.account_id, order.purpose, practice.key_kind)
    signed = issue(
        certifier.issuer,
        _PROFILES[order.purpose],
        load_der_public_key(key.public),  # type: ignore[arg-type]
        subject=holder.subject(practice),
        names=[mailbox(one) for one in holder.addresses],
        serial=serial_from(directory.random_bits(160)),
        now=datetime.fromtimestamp(directory.clock(), UTC),
        days=practice.days,
    )
    return Made(order, key, signed.public_bytes(Encoding.DER))


def keep(conn: Writing, actor: str, certifier: Certifier, made: Sequence[Made]) -> int:
    """Enter what was made, unless the account has changed since; how many.  Raises Fault."""
    ids = [one.order.holder.account_id for one in made]
    now_held = {holder.account_id: holder for holder in _held(conn, ids)}
    now_issued = _issued(conn, ids)
    recorder = Recorder(conn, actor)
    kept = 0
    for one in made:
        order = one.order
        holder = order.holder
        current = tuple(each for each in now_issued.get(holder.account_id, ()) if each.purpose == order.purpose)
        if now_held.get(holder.account_id) != holder or current != order.replaces:
            continue
        key_id = keep_key(conn, holder.account_id, order.purpose, one.key)
        if key_id is None:
            continue
        insert_certificate(
            conn,
            one.der,
            order.purpose,
            account_id=holder.account_id,
            issuer_id=certifier.row.id,
            key_id=key_id,
        )
        if order.moved:
            revoke(conn, actor, order.replaces, MOVED)
        else:
            supersede(conn, order.replaces)
        recorder.add("certificate.issue", holder.login, purpose=order.purpose, addresses=list(holder.addresses))
        kept += 1
    recorder.flush()
    return kept


def _comparable(address: str) -> str:
    """What is no address stands in no certificate, and is told of when one is made."""
    try:
        return comparable(address)
    except ValueError:
        return address


def _lasts(conn: Reading | Writing, one: Certificate, certifier: Certifier) -> bool:
    """Until its renewal is due, or as long as its issuer does: another would not hold longer."""
    end = int(certifier.issuer.certificate.not_valid_after_utc.timestamp())
    is_long = one.not_after > conn.now + certifier.practice.renew_days * DAY or one.not_after >= end
    return one.issuer_id == certifier.row.id and is_long


def _holders(conn: Reading | Writing, after: str, urgent_only: bool) -> list[Holder]:
    """The next lot of accounts; only those who have nothing yet, or have something still, if asked so."""
    chosen = select(account.c.id).where(account.c.id > after)
    if urgent_only:
        active = exists().where(certificate.c.account_id == account.c.id, certificate.c.state == ACTIVE)
        own = active.where(certificate.c.issuer_id.is_not(None))
        lacks = or_(*(~own.where(certificate.c.purpose == purpose) for purpose in PURPOSES))
        keeps = active.where(certificate.c.purpose.in_(PURPOSES))
        chosen = chosen.where(or_(and_(account.c.status == "active", lacks), and_(account.c.status == "closed", keeps)))
    return _held(conn, list(conn.execute(chosen.order_by(account.c.id).limit(_LOT)).scalars()))


def _held(conn: Reading | Writing, account_ids: Sequence[str]) -> list[Holder]:
    """Accounts as their certificates are to show them, in the order of their ids."""
    owned: dict[str, list[str]] = {}
    addresses = select(address.c.account_id, address.c.address).where(
        address.c.account_id.in_(account_ids), address.c.state == "active"
    )
    for row in conn.execute(addresses.order_by(address.c.address)):
        owned.setdefault(row.account_id, []).append(row.address)
    chosen = (
        select(account.c.id, account.c.login, account.c.name, account.c.unit_name, account.c.status)
        .where(account.c.id.in_(account_ids))
        .order_by(account.c.id)
    )
    return [
        Holder(
            row.id,
            row.login,
            row.name,
            row.unit_name,
            row.status,
            tuple(dict.fromkeys([row.login, *owned.get(row.id, ())]))[:MOST_ADDRESSES],
        )
        for row in conn.execute(chosen)
    ]


def _issued(conn: Reading | Writing, account_ids: Sequence[str]) -> dict[str, list[Certificate]]:
    """The active certificates of our own making, by account."""
    found: dict[str, list[Certificate]] = {}
    for one in _held_by(conn, account_ids, and_(certificate.c.state == ACTIVE, certificate.c.issuer_id.is_not(None))):
        assert one.account_id is not None
        found.setdefault(one.account_id, []).append(one)
    return found


def _left_over(conn: Reading | Writing, holders: Sequence[Holder]) -> list[Certificate]:
    """What those still have who are gone."""
    ids = [holder.account_id for holder in holders if holder.status == "closed"]
    ours = and_(certificate.c.state == SUPERSEDED, certificate.c.issuer_id.is_not(None))
    return _held_by(conn, ids, or_(certificate.c.state == ACTIVE, ours)) if ids else []


def _held_by(conn: Reading | Writing, account_ids: Sequence[str], which: ColumnElement[bool]) -> list[Certificate]:
    chosen = (
        select(*COLUMNS)
        .where(certificate.c.account_id.in_(account_ids), certificate.c.purpose.in_(PURPOSES), which)
        .order_by(certificate.c.not_before, certificate.c.id)
    )
    return [read_row(row) for row in conn.execute(chosen)]


def _names(conn: Reading | Writing, certificates: Sequence[Certificate]) -> dict[str, set[str]]:
    """The addresses that each names."""
    found: dict[str, set[str]] = {one.id: set() for one in certificates}
    chosen = select(certificate_address.c.certificate_id, certificate_address.c.address)
    for row in conn.execute(chosen.where(certificate_address.c.certificate_id.in_(list(found)))):
        found[row.certificate_id].add(row.address)
    return found
