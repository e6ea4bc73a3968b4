"""Officials taken in: newcomers join, of the known a new name, telephone, alias or post is carried over.

Who is known already (by employee code, else by address) keeps everything else; nobody leaves and no post ends because
a file says nothing of it, but for the primary post, which ends when the first row names another.  A further line with
the code of an earlier one is a further post.

Passwords are hashed by several threads before their batch begins (Argon2 releases the GIL); each gets its own salt.
Hashing costs about 20 ms of a core per person, so 100,000 passwords take a quarter of an hour on two cores; without
a password people come in at thousands a second and cannot sign in until one is set.  A common password is hashed once
and the one hash stored for all, which is meant for tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from directory.database import Directory, Reading, Writing
from directory.dates import parse_day
from directory.exchange.importing import Change, Difference, Intaking, Taker
from directory.exchange.kinds import OFFICIAL, Record, Row
from directory.exchange.lines import Item
from directory.faults import Fault
from directory.mail import accounts, aliases
from directory.mail.addresses import owner_row, spelled_out
from directory.signing_in import scram_verifiers
from directory.signing_in.password_policy import refuse_impossible, refuse_weak
from directory.sizes import parse_size
from directory.staff import people, postings, provisioning, units
from directory.staff.intake import Intake, Joiner
from directory.staff.people import Official
from directory.words.names import PersonName, fold, split_name
from security.passwords import hash_password
from security.scram import new_verifier

# What a password must not be made of.
_PERSONAL = ("address", "full_name", "given_name", "employee_code", "phone")

_KINDS: dict[str, postings.AppointmentKind] = {
    "": "substantive",
    "substantive": "substantive",
    "chinh thuc": "substantive",
    "acting": "acting",
    "quyen": "acting",
    "seconded": "seconded",
    "biet phai": "seconded",
}


@dataclass(frozen=True, slots=True)
class OfficialSettings:
    common_password_hash: str | None = None  # for all who have none in the file
    common_scram_verifier: str | None = None  # of the same password
    offers_scram: bool = True  # keep verifiers beside the hashes
    must_change_password: bool = False
    allow_weak: bool = False  # take passwords that are easy to guess
    quota_bytes: int = 0
    domain: str = ""


@dataclass(frozen=True, slots=True)
class _Post:
    """What a row says of a post, understood; nothing where ``unit_id`` is empty."""

    unit_id: str
    position_id: str
    title: str
    kind: postings.AppointmentKind
    rank: int | None
    first_day: str
    last_day: str | None
    decision: str
    text: str  # as the row names it


class OfficialTaker(Taker):
    kind = OFFICIAL

    def __init__(self, settings: OfficialSettings) -> None:
        self.settings = settings
        self.seen: set[str] = set()  # keys of people met earlier in the file
        common, verifier = settings.common_password_hash, settings.common_scram_verifier
        self._common = {common: verifier} if common is not None and verifier is not None else {}
        self.verifiers = self._common  # by the hash of the same password
        self.hashes: dict[Item, str] = {}  # of the batch

    def prepare(self, directory: Directory, items: Sequence[Item], *, dry_run: bool) -> dict[Item, Fault]:
        """Newcomers' passwords, judged and hashed."""
        refused: dict[Item, Fault] = {}
        wanting: list[Item] = []
        with directory.read() as conn:
            for item in items:
                row = item.record[0]
                try:
                    if row.get("password") and self._is_new(conn, row):
                        self._check_password(row)
                        wanting.append(item)
                except Fault as fault:
                    refused[item] = fault
        if dry_run:
            self.hashes = dict.fromkeys(wanting, "!")
        elif wanting:
            passwords = [item.record[0]["password"] for item in wanting]
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                made = list(pool.map(hash_password, passwords))
                verifiers = list(pool.map(new_verifier, passwords)) if self.settings.offers_scram else []
            self.hashes = dict(zip(wanting, made, strict=True))
            self.verifiers = self._common | dict(zip(made, verifiers, strict=False))
        else:
            self.hashes = {}
        return refused

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _OfficialIntaking(self, conn, actor)

    def _check_password(self, row: Row) -> None:
        if self.settings.allow_weak:
            refuse_impossible(row["password"])
        else:
            refuse_weak(row["password"], (row.get(column, "") for column in _PERSONAL))

    def _is_new(self, conn: Reading, row: Row) -> bool:
        code = row.get("employee_code", "")
        if code:
            return people.official_by_code(conn, code) is None
        wanted = self.address(conn, row)
        return not wanted or accounts.find_mailbox_owner(conn, wanted) is None

    def address(self, conn: Reading | Writing, row: Row) -> str:
        given = row.get("address", "")
        return spelled_out(conn, given, self.settings.domain) if given else ""


class _OfficialIntaking(Intaking):
    def __init__(self, taker: OfficialTaker, conn: Writing, actor: str) -> None:
        self._taker = taker
        self._settings = taker.settings
        self._conn = conn
        self._actor = actor
        self._intake = Intake(conn, actor, taker.settings.domain)
        self._seen: set[str] = set()
        self._joined: list[tuple[str, str]] = []  # accounts with their hashes

    def finish(self) -> None:
        self._intake.flush()
        scram_verifiers.keep_all(self._conn, self._joined, self._taker.verifiers)

    def committed(self) -> None:
        self._taker.seen |= self._seen

    def take(self, item: Item) -> Change:
        record = item.record
        if len(record) == 1 and not record[0].get("aliases"):
            return self._take(item)
        # of several steps none is done if one is refused
        self._intake.flush()
        seen = set(self._seen)
        try:
            with self._conn.connection.begin_nested():
                change = self._take(item)
                self._intake.flush()
            return change
        except Fault:
            self._seen = seen
            self._conn.memory.clear()
            raise

    def _take(self, item: Item) -> Change:
        record, row = item.record, item.record[0]
        code, wanted = row.get("employee_code", ""), self._taker.address(self._conn, row)
        if not code and not wanted:
            raise Fault("line-nameless")
        posts = [self._post(each) for each in record]
        known = self._known(code, wanted)
        key = code or wanted
        if known is None:
            password_hash = self._taker.hashes.get(item, self._settings.common_password_hash)
            joined = self._intake.join(self._joiner(row, posts[0], wanted, password_hash))
            if password_hash is not None:
                self._joined.append((joined.account_id, password_hash))
            self._seen.add(key)
            if len(record) > 1 or row.get("aliases"):
                self._intake.flush()
                self._further(people.find_official(self._conn, joined.person_id), row, posts[1:])
            return Change("added", joined.login, (Difference("full_name", "", _name(row).full), *_told(posts)))
        # what is done to people who are in already is written at once, so what waits must be in before
        self._intake.flush()
        differences = self._update(known, record, posts, further=key in self._seen or key in self._taker.seen)
        self._seen.add(key)
        return Change("updated" if differences else "unchanged", known.account.login, tuple(differences))

    def _known(self, code: str, wanted: str) -> Official | None:
        if code:
            if self._intake.is_queued(code):
                self._intake.flush()
            return people.official_by_code(self._conn, code)
        if self._intake.address_is_queued(wanted):
            self._intake.flush()
        owner = accounts.find_mailbox_owner(self._conn, wanted)
        return people.find_official(self._conn, owner.id) if owner and owner.kind == "person" else None

    def _post(self, row: Row) -> _Post:
        unit, position = row.get("unit", ""), row.get("position", "")
        if bool(unit) != bool(position):
            raise Fault("line-unit-and-position")
        first, last = row.get("valid_from", ""), row.get("valid_until", "")
        return _Post(
            units.tree(self._conn).find(unit).id if unit else "",
            postings.find_position(self._conn, position).id if position else "",
            row.get("title", ""),
            _kind(row),
            _rank(row),
            parse_day(first) if first else self._conn.today,
            parse_day(last) if last else None,
            row.get("decision", ""),
            f"{position} {unit}",
        )

    def _joiner(self, row: Row, post: _Post, wanted: str, password_hash: str | None) -> Joiner:
        language = row.get("language", "") or "vi"
        if language not in ("vi", "en"):
            raise Fault("value-invalid", value=language, what="language")
        quota = row.get("quota", "")
        return Joiner(
            _name(row),
            post.unit_id,
            post.position_id,
            valid_from=post.first_day,
            valid_until=post.last_day,
            employee_code=row.get("employee_code", ""),
            title=post.title,
            kind=post.kind,
            rank=post.rank,
            decision=post.decision,
            address=wanted,
            password_hash=password_hash,
            must_change_password=self._settings.must_change_password and password_hash is not None,
            quota_bytes=parse_size(quota) if quota else self._settings.quota_bytes,
            language=language,
            phone=row.get("phone", ""),
        )

    def _update(self, known: Official, record: Record, posts: list[_Post], *, further: bool) -> list[Difference]:
        row = record[0]
        if known.account.status == "closed":
            raise Fault("official-left", official=known.account.login)
        found: list[Difference] = []
        name = _name(row)
        if name != PersonName(known.full_name, known.family_name, known.middle_name, known.given_name):
            provisioning.rename(self._conn, self._actor, known.person_id, name, decision=row.get("decision", ""))
            found.append(Difference("full_name", known.full_name, name.full))
        phone = row.get("phone", "")
        if phone and phone != known.phone:
            provisioning.update_person(self._conn, self._actor, known.person_id, phone=phone)
            found.append(Difference("phone", known.phone, phone))
        if not further:
            found += self._give(known, posts[:1], provisioning.move)
            posts = posts[1:]
        return found + self._further(known, row, posts)

    def _further(self, known: Official, row: Row, posts: Sequence[_Post]) -> list[Difference]:
        """Posts beside the primary one, and aliases."""
        found = self._give(known, posts, provisioning.appoint)
        for alias in row.get("aliases", ()):
            wanted = spelled_out(self._conn, alias, self._settings.domain)
            owner = owner_row(self._conn, wanted)
            if owner is None or (owner.account_id, owner.state) != (known.account.id, "active"):
                aliases.add_alias(self._conn, self._actor, wanted, known.account.login)
                found.append(Difference("aliases", "", wanted))
        return found

    def _give(
        self, known: Official, posts: Sequence[_Post], step: Callable[..., postings.Appointment]
    ) -> list[Difference]:
        """Posts that are not held yet: the primary one by a move, a further one by an appointment."""
        today = self._conn.today
        held = {
            (post.unit_id, post.position_id)
            for post in postings.appointments_of(self._conn, known.person_id)
            if post.valid_until is None or post.valid_until >= today
        }
        found: list[Difference] = []
        for post in posts:
            if not post.unit_id or (post.unit_id, post.position_id) in held:
                continue
            step(
                self._conn,
                self._actor,
                known.person_id,
                unit_id=post.unit_id,
                position_id=post.position_id,
                from_day=post.first_day,
                until_day=post.last_day,
                title=post.title,
                kind=post.kind,
                rank=post.rank,
                decision=post.decision,
            )
            found.append(Difference("position", "", post.text))
        return found


def _told(posts: Sequence[_Post]) -> list[Difference]:
    return [Difference("position", "", post.text) for post in posts if post.unit_id]


def _name(row: Row) -> PersonName:
    """The parts win over what the full name would be split into."""
    full = row.get("full_name", "")
    family, middle, given = (row.get(f"{part}_name", "") for part in ("family", "middle", "given"))
    if given:
        return PersonName(full or " ".join(p for p in (family, middle, given) if p), family, middle, given)
    if not full:
        raise Fault("name-empty")
    return split_name(full)


def _kind(row: Row) -> postings.AppointmentKind:
    given = row.get("kind", "")
    try:
        return _KINDS[fold(given)]
    except KeyError:
        raise Fault("value-invalid", value=given, what="kind of appointment") from None


def _rank(row: Row) -> int | None:
    """Within the unit's list; none: the position's."""
    given = row.get("rank", "")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 5):
        raise Fault("value-invalid", value=given, what="rank")
    return int(given)
