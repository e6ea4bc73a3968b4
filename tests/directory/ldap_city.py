"""A small city to be asked over LDAP, and clients that are let in.

What tests of entries, filters, sessions and views have in common.
"""

from __future__ import annotations

from typing import Any

from directory.mail import aliases, groups, mailboxes
from directory.signing_in.login import Gate
from security.passwords import hash_password
from security.proven import ProvenLogins
from security.throttle import Throttle
from tests.directory.conftest import City, Clock
from tests.directory.ldap_client import Client, Found, services

TOP = "dc=city,dc=gov,dc=vn"
PEOPLE_BASE = f"ou=people,{TOP}"
PASSWORD = "Một mật khẩu tốt"
STORED = hash_password(PASSWORD)
PEOPLE = (
    ("Nguyễn Văn An", "SYT", "CV"),
    ("Nguyễn Thị Ân", "SYT", "CV"),
    ("Trần Thị Thu Hà", "STC", "TP"),
    ("Lê Văn Hạ", "STC", "CV"),
    ("Phạm Đức Anh", "P.SG", "CT"),
    ("Đỗ An Bình", "P.BT", "CV"),
    ("Võ Hùng", "SYT", "GD"),
)
EVERYBODY = [*(name for name, _, _ in PEOPLE), "Toàn thể Sở Y tế", "Văn thư Sở Y tế"]


def staff(city: City) -> None:
    with city.directory.write() as conn:
        for number, (full, unit, position) in enumerate(PEOPLE):
            city.join(
                conn, full, unit, position, password_hash=STORED, employee_code=f"CB{number}", phone="028 3829-1000"
            )
        mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư Sở Y tế", unit_id=city.units["SYT"]
        )
        group = groups.add_group(conn, "test", address_text="toan.syt", name="Toàn thể Sở Y tế")
        groups.add_rule(conn, "test", group.id, unit_id=city.units["SYT"])
        aliases.add_alias(conn, "test", "giam.sat", "annv")


def make_gate(city: City, clock: Clock) -> Gate:
    return Gate(
        city.directory,
        throttle=Throttle(["127.0.0.0/8"], monotonic=clock),
        proven=ProvenLogins(600, monotonic=clock),
    )


def make_client(city: City, clock: Clock, *, tls: bool = True, **policy: Any) -> Client:
    return Client(services(city.directory, make_gate(city, clock), **policy), tls=tls)


def an(found: Found) -> dict[str, list[str]]:
    ((_, values),) = found.entries
    return values
