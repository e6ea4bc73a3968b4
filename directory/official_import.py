"""Taking officials in from a CSV file: by the hundred thousand, while the system runs, as often as one likes.

Every physical line stands for itself: a broken one is written to the rejects file as it was, with the reason in
front, and takes no other with it.  Good lines go in by batches, each one transaction; an import that was interrupted
is simply run again.  Who is known already (by employee code, else by address) is compared: a new name, telephone or
post is carried over, everything else is left alone.  A second line with the same code in one file is a second post.

Passwords in lines are hashed by several threads before their batch begins (Argon2 releases the GIL); each gets its
own salt.  Hashing costs about 20 ms of a core per person, so 100,000 passwords take a quarter of an hour on two
cores; without a password people come in at thousands a second and cannot sign in until one is set.  A common password
is hashed once and the one hash stored for all, which is meant for tests.

A dry run does the same on a copy of the database (SQLite), or in one transaction that is rolled back (PostgreSQL,
where it holds up other changes to the directory while it lasts).

Limits: a field cannot contain a line break.
Standards: RFC 4180 but for that; comma, semicolon or tab.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from directory import people, postings, provisioning, scram_verifiers, units
from directory.addresses import spelled_out
from directory.csv_lines import Line, LineTable, RejectsFile
from directory.database import Directory, Reading, Writing, open_directory
from directory.dates import parse_day
from directory.faults import Fault
from directory.intake import Intake, Joiner
from directory.names import PersonName, fold, split_name
from directory.password_policy import refuse_impossible, refuse_weak
from directory.people import Official
from directory.sizes import parse_size
from security.passwords import hash_password
from security.scram import new_verifier

BATCH = 1000
# Problems kept for the summary; all of them are in the rejects file.
_SHOWN_PROBLEMS = 20

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
class ImportSettings:
    common_password_hash: str | None = None  # for all who have none in the file
    common_scram_verifier: str | None = None  # of the same password
    offers_scram: bool = True  # keep verifiers beside the hashes
    must_change_password: bool = False
    allow_weak: bool = False  # take passwords that are easy to guess
    quota_bytes: int = 0
    domain: str = ""
    dry_run: bool = False
    origin: str = ""  # for the audit record: from where, and why
    reason: str = ""


@dataclass(slots=True)
class Outcome:
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


_Hashed = tuple[Line, str | None]


class _Undo(Exception):
    """Ends a rehearsal on PostgreSQL."""


class OfficialImport:
    """One run over one file."""

    def __init__(self, directory: Directory, actor: str, settings: ImportSettings, *, language: str = "en") -> None:
        self._directory = directory
        self._actor = actor
        self._settings = settings
        self._language = language
        self._seen: set[str] = set()  # keys of people met earlier in the file
        common, verifier = settings.common_password_hash, settings.common_scram_verifier
        self._common = {common: verifier} if common is not None and verifier is not None else {}
        self._verifiers = self._common  # by the hash of the same password
        self._joined: list[tuple[str, str]] = []  # accounts of a batch with their hashes

    def run(self, path: Path, rejects: Path, advance: Callable[[int], None] = lambda done: None) -> Outcome:
        """Import ``path``; ``advance`` is told how many octets were read.  Raises Fault where the file is no use."""
        if rejects.resolve() == path.resolve():
            raise Fault("file-same", file=path)
        outcome = Outcome()
        with open(path, "rb") as file, RejectsFile(rejects) as reject_file, self._stage() as stage:
            table = LineTable(file, path)
            reject_file.heading = table.heading
            sink = _Sink(outcome, reject_file, self._language)
            for batch in table.batches(BATCH):
                results = self._refuse_early(batch)
                good = [line for line in batch if line.number not in results]
                results |= self._apply(stage, self._hash_passwords(good))
                for line in batch:
                    sink.tell(line, results[line.number])
                advance(file.tell())
            if stage.conn is not None:
                raise _Undo
        return outcome

    # --- where it happens
    # ---------------------------------------------------------------------------------------------

    @contextmanager
    def _stage(self) -> Iterator[_Stage]:
        if not self._settings.dry_run:
            yield _Stage(self._directory, None)
        elif self._directory.is_sqlite:
            with tempfile.TemporaryDirectory(prefix="citymail-") as folder:
                copy = Path(folder) / "directory.db"
                _copy_sqlite(self._directory, copy)
                rehearsal = open_directory(f"sqlite:///{copy}", clock=self._directory.clock)
                try:
                    yield _Stage(rehearsal, None)
                finally:
                    rehearsal.close()
        else:
            try:
                with self._directory.write() as conn:
                    yield _Stage(self._directory, conn)
            except _Undo:
                pass

    def _apply(self, stage: _Stage, batch: list[_Hashed]) -> dict[int, str | Fault]:
        """A batch in one transaction; where the database objects, line by line: only the culprit is refused."""
        try:
            results = self._transact(stage, batch)
        except IntegrityError:
            results = []
            for entry in batch:
                try:
                    results += self._transact(stage, [entry])
                except IntegrityError:
                    results.append(Fault("line-conflict"))
        return {line.number: result for (line, _), result in zip(batch, results, strict=True)}

    def _transact(self, stage: _Stage, batch: list[_Hashed]) -> list[str | Fault]:
        before = set(self._seen)
        try:
            if stage.conn is not None:
                with stage.conn.connection.begin_nested():
                    return self._write(stage.conn, batch)
            with stage.directory.write(origin=self._settings.origin, reason=self._settings.reason) as conn:
                return self._write(conn, batch)
        except BaseException:
            self._seen = before
            raise

    def _write(self, conn: Writing, batch: list[_Hashed]) -> list[str | Fault]:
        intake = Intake(conn, self._actor, self._settings.domain)
        results: list[str | Fault] = []
        self._joined = []
        for line, password_hash in batch:
            try:
                results.append(self._take(conn, intake, line.values, password_hash))
            except Fault as fault:
                results.append(fault)
        intake.flush()
        scram_verifiers.keep_all(conn, self._joined, self._verifiers)
        return results

    # --- one line
    # -----------------------------------------------------------------------------------------------------

    def _take(self, conn: Writing, intake: Intake, values: dict[str, str], password_hash: str | None) -> str:
        code, wanted = values.get("employee_code", ""), self._address(conn, values)
        if not code and not wanted:
            raise Fault("line-nameless")
        unit_id, position_id = self._post(conn, values)
        known = self._known(conn, intake, code, wanted)
        key = code or wanted
        if known is None:
            joined = intake.join(self._joiner(conn, values, wanted, unit_id, position_id, password_hash))
            if password_hash is not None:
                self._joined.append((joined.account_id, password_hash))
            self._seen.add(key)
            return "added"
        # what is done to people who are in already is written at once, so what waits must be in before
        intake.flush()
        changed = self._update(conn, known, values, unit_id, position_id, further_post=key in self._seen)
        self._seen.add(key)
        return "updated" if changed else "unchanged"

    def _known(self, conn: Writing, intake: Intake, code: str, wanted: str) -> Official | None:
        if code:
            if intake.is_queued(code):
                intake.flush()
            return people.official_by_code(conn, code)
        if wanted and not intake.address_is_queued(wanted):
            owner = people.find_mailbox_owner(conn, wanted)
            return people.find_official(conn, owner.id) if owner and owner.kind == "person" else None
        if wanted:
            intake.flush()
            return self._known(conn, intake, code, wanted)
        return None

    def _address(self, conn: Reading | Writing, values: dict[str, str]) -> str:
        given = values.get("address", "")
        if not given:
            return ""
        return spelled_out(conn, given, self._settings.domain)

    def _post(self, conn: Writing, values: dict[str, str]) -> tuple[str, str]:
        unit, position = values.get("unit", ""), values.get("position", "")
        if bool(unit) != bool(position):
            raise Fault("line-unit-and-position")
        if not unit:
            return "", ""
        return units.tree(conn).find(unit).id, postings.find_position(conn, position).id

    def _joiner(
        self,
        conn: Writing,
        values: dict[str, str],
        wanted: str,
        unit_id: str,
        position_id: str,
        password_hash: str | None,
    ) -> Joiner:
        language = values.get("language", "") or "vi"
        if language not in ("vi", "en"):
            raise Fault("value-invalid", value=language, what="language")
        quota = values.get("quota", "")
        return Joiner(
            _name(values),
            unit_id,
            position_id,
            valid_from=_first_day(conn, values),
            valid_until=_last_day(values),
            employee_code=values.get("employee_code", ""),
            title=values.get("title", ""),
            kind=_kind(values),
            decision=values.get("decision", ""),
            address=wanted,
            password_hash=password_hash,
            must_change_password=self._settings.must_change_password and password_hash is not None,
            quota_bytes=parse_size(quota) if quota else self._settings.quota_bytes,
            language=language,
            phone=values.get("phone", ""),
        )

    def _update(
        self,
        conn: Writing,
        known: Official,
        values: dict[str, str],
        unit_id: str,
        position_id: str,
        *,
        further_post: bool,
    ) -> bool:
        if known.account.status == "closed":
            raise Fault("official-left", official=known.account.login)
        changed = False
        name = _name(values)
        if name != PersonName(known.full_name, known.family_name, known.middle_name, known.given_name):
            provisioning.rename(conn, self._actor, known.person_id, name, decision=values.get("decision", ""))
            changed = True
        phone = values.get("phone", "")
        if phone and phone != known.phone:
            provisioning.update_person(conn, self._actor, known.person_id, phone=phone)
            changed = True
        today = conn.today
        held = {
            (post.unit_id, post.position_id)
            for post in postings.appointments_of(conn, known.person_id)
            if post.valid_until is None or post.valid_until >= today
        }
        if unit_id and (unit_id, position_id) not in held:
            # the first line of a person names the primary post
            step = provisioning.appoint if further_post else provisioning.move
            step(
                conn,
                self._actor,
                known.person_id,
                unit_id=unit_id,
                position_id=position_id,
                from_day=_first_day(conn, values),
                until_day=_last_day(values),
                title=values.get("title", ""),
                kind=_kind(values),
                decision=values.get("decision", ""),
            )
            changed = True
        return changed

    # --- passwords
    # ----------------------------------------------------------------------------------------------------

    def _refuse_early(self, batch: list[Line]) -> dict[int, str | Fault]:
        """Lines that are no lines, and those of newcomers whose password is not taken."""
        results: dict[int, str | Fault] = {}
        with self._directory.read() as conn:
            for line in batch:
                try:
                    if line.fault is not None:
                        raise line.fault
                    if line.values.get("password") and self._is_new(conn, line):
                        self._check_password(line.values)
                except Fault as fault:
                    results[line.number] = fault
        return results

    def _check_password(self, values: dict[str, str]) -> None:
        if self._settings.allow_weak:
            refuse_impossible(values["password"])
        else:
            refuse_weak(values["password"], (values.get(column, "") for column in _PERSONAL))

    def _hash_passwords(self, batch: list[Line]) -> list[_Hashed]:
        """Hash what the batch needs, before its transaction begins."""
        common = self._settings.common_password_hash
        with self._directory.read() as conn:
            wanting = [line for line in batch if line.values.get("password") and self._is_new(conn, line)]
        hashes: dict[int, str] = {}
        if self._settings.dry_run:
            hashes = {line.number: "!" for line in wanting}
        elif wanting:
            passwords = [line.values["password"] for line in wanting]
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                made = list(pool.map(hash_password, passwords))
                verifiers = list(pool.map(new_verifier, passwords)) if self._settings.offers_scram else []
            hashes = dict(zip((line.number for line in wanting), made, strict=True))
            self._verifiers = self._common | dict(zip(made, verifiers, strict=False))
        return [(line, hashes.get(line.number, common)) for line in batch]

    def _is_new(self, conn: Reading, line: Line) -> bool:
        code = line.values.get("employee_code", "")
        if code:
            return people.official_by_code(conn, code) is None
        wanted = self._address(conn, line.values)
        return not wanted or people.find_mailbox_owner(conn, wanted) is None


@dataclass(frozen=True, slots=True)
class _Stage:
    directory: Directory
    conn: Writing | None  # the one transaction of a rehearsal on PostgreSQL


class _Sink:
    """Counts, and writes down what is refused."""

    def __init__(self, outcome: Outcome, rejects: RejectsFile, language: str) -> None:
        self._outcome = outcome
        self._rejects = rejects
        self._language = language

    def tell(self, line: Line, result: str | Fault) -> None:
        if not isinstance(result, Fault):
            setattr(self._outcome, result, getattr(self._outcome, result) + 1)
            return
        reason = result.text(self._language)
        self._outcome.rejected += 1
        if len(self._outcome.problems) < _SHOWN_PROBLEMS:
            self._outcome.problems.append((line.number, reason))
        self._rejects.write(line.number, reason, line.octets)


def _name(values: dict[str, str]) -> PersonName:
    """The parts win over what the full name would be split into."""
    full = values.get("full_name", "")
    family, middle, given = (values.get(f"{part}_name", "") for part in ("family", "middle", "given"))
    if given:
        return PersonName(full or " ".join(p for p in (family, middle, given) if p), family, middle, given)
    if not full:
        raise Fault("name-empty")
    return split_name(full)


def _kind(values: dict[str, str]) -> postings.AppointmentKind:
    given = values.get("kind", "")
    try:
        return _KINDS[fold(given)]
    except KeyError:
        raise Fault("value-invalid", value=given, what="kind of appointment") from None


def _first_day(conn: Writing, values: dict[str, str]) -> str:
    given = values.get("valid_from", "")
    return parse_day(given) if given else conn.today


def _last_day(values: dict[str, str]) -> str | None:
    given = values.get("valid_until", "")
    return parse_day(given) if given else None


def _copy_sqlite(directory: Directory, target: Path) -> None:
    """A copy as of now, taken while others write."""
    with directory.engine.connect() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
        finally:
            copy.close()
