"""The demo city: Ho Chi Minh City's units, some hundred officials, unit mailboxes and groups.

Names of people are made up by a seeded generator: the same people, posts and addresses each time.  All share the one
password that the demo prints.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from directory.database import Directory, Writing
from directory.dates import days_after
from directory.mail import domains, groups, mailboxes
from directory.mail.accounts import find_account
from directory.mail.addresses import address_row, domain_to_ascii, is_local_domain
from directory.signing_in import scram_verifiers
from directory.staff import postings, provisioning, unit_changes, units
from directory.staff.catalogue import COMMUNES_BEGAN, DISTRICTS_ENDED, lay_out
from directory.staff.intake import Intake, Joined, Joiner
from directory.words.names import PersonName, ascii_word, split_name
from mailserver.demo import places
from security.passwords import hash_password
from security.scram import new_verifier

ACTOR = "demo"
SEED = 1685
_GIB = 1 << 30
# Wards and communes that have, beside the chairman, a vice chairman and a clerk.
FULLY_STAFFED = 30


@dataclass(frozen=True, slots=True)
class DemoAccount:
    address: str
    password: str
    name: str
    unit: str


def build_city(directory: Directory, domain: str, password: str) -> list[DemoAccount]:
    """Fill an empty directory.  The first account is the one whose mailbox will look lived in."""
    # one hash for all: this is a demonstration, and a hash takes 20 ms
    stored = hash_password(password)
    with directory.write() as conn:
        if not is_local_domain(conn, domain):
            domains.add_domain(conn, ACTOR, domain, primary=True)
        builder = _Builder(conn, domain_to_ascii(domain), stored)
        builder.lay_out_units()
        builder.take_in_officials()
        builder.open_mailboxes()
        builder.further_posts()
        builder.make_groups()
        scram_verifiers.keep_for_shared(conn, stored, new_verifier(password))
        made = builder.accounts()
    return [DemoAccount(address, password, name, unit) for address, name, unit in made]


class _Builder:
    def __init__(self, conn: Writing, domain: str, stored_hash: str) -> None:
        self._conn = conn
        self._domain = domain
        self._hash = stored_hash
        self._random = random.Random(SEED)  # noqa: S311 - the same city each time
        self._names: set[str] = set()
        self._units: dict[str, units.Unit] = {}
        self._positions: dict[str, str] = {}
        self._people: list[Joined] = []
        self._holders: dict[tuple[str, str], list[Joined]] = {}  # (unit, position) → who
        self._mailboxes: dict[str, str] = {}  # unit → account
        self._communes: list[str] = []

    # --- units --------------------------------------------------------------------------------------------------------

    def lay_out_units(self) -> None:
        conn = self._conn
        lay_out(conn, ACTOR)
        self._positions = {position.code: position.id for position in postings.positions(conn).values()}
        self._unit("UBND", "Ủy ban nhân dân Thành phố Hồ Chí Minh", "city", None, code="H29")
        for short, name, kind, code in places.BODIES:
            self._unit(short, name, kind, "UBND", code=code)
            for number, division in enumerate(places.DIVISIONS.get(short, places.DEFAULT_DIVISIONS), start=1):
                self._unit(f"{short}.P{number}", division, "division", short)
        for short, name, successor in places.MERGED_BODIES:
            self._unit(short, name, "department", "UBND", until=places.MERGED_ON)
            self._succeed(short, successor, places.MERGED_ON, "merge")
        for district, followers in places.DISTRICTS.items():
            kind = {"Quận": "district", "Huyện": "rural-district"}.get(district.split()[0], "district-city")
            self._unit(district, district, kind, "UBND", until=DISTRICTS_ENDED)
            for commune in self._commune_names(followers):
                self._succeed(district, self._commune(commune), DISTRICTS_ENDED, "split")
        for commune in self._commune_names(places.JOINED):
            self._commune(commune)

    def _unit(
        self, short: str, name: str, kind: str, parent: str | None, *, code: str = "", until: str | None = None
    ) -> None:
        since = COMMUNES_BEGAN if kind in ("ward", "commune", "special-zone") else "2021-01-01"
        self._units[short] = unit_changes.add_unit(
            self._conn,
            ACTOR,
            name=name,
            short_name=short,
            type_code=kind,
            valid_from=since,
            valid_until=until,
            parent_id=self._units[parent].id if parent else None,
            agency_code=code,
            sort_order=len(self._units),
            decision="1685/NQ-UBTVQH15" if since == COMMUNES_BEGAN else "",
        )

    def _commune_names(self, listed: str) -> list[str]:
        return [name if name.startswith(("Xã ", "Đặc khu ")) else f"Phường {name}" for name in listed.split(", ")]

    def _commune(self, name: str) -> str:
        prefix, kind = {"P": ("P.", "ward"), "X": ("X.", "commune"), "Đ": ("ĐK.", "special-zone")}[name[0]]
        proper = name.removeprefix("Phường ").removeprefix("Xã ").removeprefix("Đặc khu ")
        short = f"{prefix} {proper}"
        self._unit(short, name, kind, "UBND")
        self._communes.append(short)
        return short

    def _succeed(self, old: str, new: str, last_day: str, kind: str) -> None:
        day = days_after(last_day, 1)
        unit_changes.add_succession(self._conn, self._units[old].id, self._units[new].id, effective=day, kind=kind)

    # --- people -------------------------------------------------------------------------------------------------------

    def take_in_officials(self) -> None:
        intake = Intake(self._conn, ACTOR, self._domain)
        # the first of all: the mailbox to look at
        self._join(intake, "VPUB.P1", "TP", full_name="Nguyễn Minh Khuê")
        self._join(intake, "TTCĐS.P1", "TP", full_name="Trần Quốc Bảo", is_admin=True)
        self._join(intake, "UBND", "CT-TP")
        for _ in range(4):
            self._join(intake, "UBND", "PCT-TP")
        for short, _, kind, _ in places.BODIES:
            self._staff_body(intake, short, kind)
        for number, short in enumerate(self._communes):
            head = {"P": "CT-P", "X": "CT-X", "Đ": "CT-DK"}[short[0]]
            self._join(intake, short, head)
            if number < FULLY_STAFFED:
                self._join(intake, short, "PCT-P", title="" if head == "CT-P" else "Phó Chủ tịch UBND xã")
                self._join(intake, short, "VT")
        intake.flush()

    def _staff_body(self, intake: Intake, short: str, kind: str) -> None:
        head, deputy = {
            "office": ("CVP", "PCVP"),
            "board": ("TB", "PTB"),
            "department": ("GD", "PGD"),
        }.get(kind, ("CHT", "PTP") if short == "TTTP" else ("GD", "PGD"))
        # one department is led by an acting director
        acting = short == "SDL"
        self._join(intake, short, head, kind="acting" if acting else "substantive")
        self._join(intake, short, deputy, title="Phó Chánh Thanh tra" if short == "TTTP" else "")
        self._join(intake, short, "VT")
        for division in (key for key in self._units if key.startswith(f"{short}.P")):
            if (division, "TP") not in self._holders:
                self._join(intake, division, "TP")
            self._join(intake, division, "CVC" if division.endswith(".P1") else "PTP")
            self._join(intake, division, "CV")

    def _join(
        self,
        intake: Intake,
        short: str,
        position: str,
        *,
        full_name: str = "",
        title: str = "",
        kind: postings.AppointmentKind = "substantive",
        is_admin: bool = False,
    ) -> None:
        name = split_name(full_name) if full_name else self._new_name()
        unit = self._units[short]
        joined = intake.join(
            Joiner(
                name,
                unit.id,
                self._positions[position],
                valid_from=max(unit.valid_from, "2025-07-01"),
                employee_code=f"CB{len(self._people) + 1:06d}",
                title=title,
                kind=kind,
                password_hash=self._hash,
                quota_bytes=5 * _GIB,
                phone=f"028 38{self._random.randrange(100_000, 999_999)}",
                is_admin=is_admin,
            )
        )
        self._people.append(joined)
        self._holders.setdefault((short, position), []).append(joined)

    def _new_name(self) -> PersonName:
        pick = self._random.choice
        while True:
            man = self._random.random() < 0.55
            middle = pick(places.MIDDLE_NAMES_MEN if man else places.MIDDLE_NAMES_WOMEN)
            given = pick(places.GIVEN_NAMES_MEN if man else places.GIVEN_NAMES_WOMEN)
            name = PersonName("", pick(places.FAMILY_NAMES), middle, given)
            full = f"{name.family} {name.middle} {name.given}"
            if middle != given and full not in self._names:
                self._names.add(full)
                return PersonName(full, name.family, middle, given)

    def further_posts(self) -> None:
        """Some hold two posts at once."""
        holder = self._holders
        for who, unit, position, kind, title in (
            (holder["UBND", "PCT-TP"][1], "HEPZA", "TB", "acting", ""),
            (holder["SYT", "PGD"][0], "SYT.P2", "TP", "substantive", ""),
            (holder["STC", "PGD"][0], "MAUR", "PTB", "substantive", ""),
            (holder["P. Sài Gòn", "CT-P"][0], "SDL", "PGD", "seconded", ""),
            (holder["VPUB", "PCVP"][0], "TTCĐS", "PGD", "substantive", "Phó Giám đốc kiêm nhiệm"),
            (holder["P. Bến Thành", "VT"][0], "P. Tân Định", "VT", "substantive", ""),
            (holder["VPUB.P1", "TP"][0], "TTCĐS", "PGD", "seconded", "Phó Trưởng ban Chỉ đạo chuyển đổi số"),
        ):
            provisioning.appoint(
                self._conn,
                ACTOR,
                who.login,
                unit_id=self._units[unit].id,
                position_id=self._positions[position],
                from_day="2025-09-01",
                kind=kind,  # type: ignore[arg-type]
                title=title,
                decision="1123/QĐ-UBND",
            )

    # --- mailboxes and groups -----------------------------------------------------------------------------------------

    def open_mailboxes(self) -> None:
        for short, name, _, _ in places.BODIES:
            self._mailbox(short, f"vanthu.{ascii_word(short)}", f"Văn thư {name}")
        self._mailbox("UBND", "ubnd.tp", "Ủy ban nhân dân Thành phố Hồ Chí Minh")
        for short in self._communes:
            prefix, proper = short.split(". ", 1)
            self._mailbox(
                short,
                f"ubnd.{ascii_word(prefix)}.{ascii_word(proper)}",
                f"UBND {self._units[short].name}",
            )
        for mailbox, who in (("VPUB", ("VPUB.P1", "TP")), ("UBND", ("VPUB", "CVP"))):
            mailboxes.grant(self._conn, ACTOR, self._mailboxes[mailbox], self._holders[who][0].account_id)
        hotline = mailboxes.open_mailbox(
            self._conn, ACTOR, address_text=f"hotro@{self._domain}", name="Hỗ trợ kỹ thuật", password_hash=self._hash
        )
        self._mailboxes["hotro"] = hotline.id
        mailboxes.grant(self._conn, ACTOR, hotline.id, self._holders["TTCĐS.P1", "TP"][0].account_id)

    def _mailbox(self, short: str, local: str, name: str) -> None:
        address = f"{local}@{self._domain}"
        if address_row(self._conn, address) is not None:
            # Thạnh An and Thanh An are one without marks
            address = f"{local}2@{self._domain}"
        made = mailboxes.open_mailbox(
            self._conn,
            ACTOR,
            address_text=address,
            name=name,
            unit_id=self._units[short].id,
            password_hash=self._hash,
            quota_bytes=20 * _GIB,
        )
        self._mailboxes[short] = made.id

    def make_groups(self) -> None:
        conn = self._conn
        first = self._people[0]
        leaders = self._group("lanhdao", "Lãnh đạo UBND Thành phố", "internal")
        for position in ("CT-TP", "PCT-TP"):
            for who in self._holders["UBND", position]:
                groups.add_member(conn, ACTOR, leaders.id, who.login)
        directors = self._group("giamdoc", "Giám đốc các sở, ban, ngành", "internal")
        for position in ("GD", "TB", "CHT", "CVP"):
            groups.add_rule(conn, ACTOR, directors.id, position_id=self._positions[position])
        chairmen = self._group("chutich.phuongxa", "Chủ tịch UBND phường, xã, đặc khu", "internal")
        for position in ("CT-P", "CT-X", "CT-DK"):
            groups.add_rule(conn, ACTOR, chairmen.id, position_id=self._positions[position])
        keyed = self._group("canbo.chuchot", "Cán bộ chủ chốt toàn Thành phố", "internal")
        for inner in (leaders, directors, chairmen):
            groups.add_member(conn, ACTOR, keyed.id, inner.address)
        everybody = self._group("toanthe", "Toàn thể cán bộ, công chức, viên chức", "named")
        groups.add_rule(conn, ACTOR, everybody.id)
        office_chief = self._holders["VPUB", "CVP"][0]
        groups.set_posters(conn, ACTOR, everybody.id, [first.account_id, office_chief.account_id])
        offices = self._group("vanthu", "Văn thư các đơn vị", "internal")
        groups.add_accounts(
            conn, ACTOR, offices.id, [found for key, found in self._mailboxes.items() if key != "hotro"]
        )
        for short, name, _, _ in places.BODIES:
            body = self._group(f"toan.{ascii_word(short)}", f"Toàn thể {name}", "internal")
            groups.add_rule(conn, ACTOR, body.id, unit_id=self._units[short].id)
        digital = self._group("chuyendoiso", "Tổ công tác chuyển đổi số", "members")
        for member in (first.login, self._people[1].login, f"toan.ttcds@{self._domain}", "tuvan@congty.example"):
            groups.add_member(conn, ACTOR, digital.id, member)

    def _group(self, local: str, name: str, posting: str) -> groups.Group:
        return groups.add_group(self._conn, ACTOR, address_text=f"{local}@{self._domain}", name=name, posting=posting)

    # --- result -------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[tuple[str, str, str]]:
        conn = self._conn
        ids = [joined.account_id for joined in self._people] + list(self._mailboxes.values())
        found = [find_account(conn, account_id) for account_id in ids]
        return [(account.login, account.name, account.unit) for account in found if account is not None]
