"""Attributes that come from other tables: groups, photos, certificates; and who sees them."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from sqlalchemy import insert, select

from directory.ldap import searching
from directory.ldap.entries import Entry
from directory.ldap.messages import Code
from directory.ldap.steps import Send
from directory.mail import groups
from directory.mail.account_changes import set_admin
from directory.mail.accounts import account_by_login
from directory.tables import account, certificate, person_photo
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import PASSWORD, PEOPLE_BASE, TOP, make_client, staff
from tests.directory.ldap_client import Client, read_answers, search_request, sort_by


@pytest.fixture
def member(any_city: City, clock: Clock) -> Client:
    staff(any_city)
    return bound(any_city, clock, "annv")


def bound(city: City, clock: Clock, login: str) -> Client:
    client = make_client(city, clock)
    assert client.bind(login, PASSWORD) is Code.SUCCESS
    return client


def group_dn(local: str) -> str:
    return f"mail={local}@city.gov.vn,ou=groups,{TOP}"


def member_of(client: Client, login: str) -> list[str]:
    ((_, values),) = client.search(TOP, f"(uid={login}@city.gov.vn)", attributes=["memberOf"]).entries
    return values.get("memberOf", [])


def test_member_of_is_member_the_other_way_round(any_city: City, member: Client) -> None:
    """By name, by rules of every kind, and through groups within."""
    with any_city.directory.write() as conn:
        made = {
            local: groups.add_group(conn, "test", address_text=local, name=local).id
            for local in ("ten", "chucvu", "loai", "tatca", "trong", "ngoai", "rong")
        }
        groups.add_member(conn, "test", made["ten"], "hungv@city.gov.vn")
        groups.add_rule(conn, "test", made["chucvu"], position_id=any_city.positions["TP"])
        groups.add_rule(conn, "test", made["loai"], unit_type_code="ward", position_id=any_city.positions["CT"])
        groups.add_rule(conn, "test", made["tatca"])
        groups.add_member(conn, "test", made["trong"], "annt@city.gov.vn")
        groups.add_member(conn, "test", made["ngoai"], "trong@city.gov.vn")
        groups.add_member(conn, "test", made["ngoai"], "chucvu@city.gov.vn")
    people = member.search(PEOPLE_BASE, "(objectClass=person)", attributes=["memberOf"]).entries
    listed = member.search(f"ou=groups,{TOP}", "(objectClass=groupOfNames)", attributes=["member"]).entries
    upwards = {(name, group) for name, values in people for group in values.get("memberOf", [])}
    downwards = {(name, group) for group, values in listed for name in values.get("member", [])}
    assert upwards == downwards
    assert len(upwards) > 15
    for group in (*made, "toan.syt"):
        found = member.search(TOP, f"(memberOf={group_dn(group)})", attributes=["1.1"]).dns
        assert sorted(found) == sorted(name for name, each in upwards if each == group_dn(group))
    hung = f"uid=hungv@city.gov.vn,{PEOPLE_BASE}"
    found = member.search(TOP, f"(member={hung})", attributes=["1.1"]).dns
    assert sorted(found) == sorted(group for name, group in upwards if name == hung)


def test_hidden_members(any_city: City, clock: Clock, member: Client) -> None:
    with any_city.directory.write() as conn:
        hiding = groups.add_group(conn, "test", address_text="kin", name="Kín", hides_members=True)
        groups.add_member(conn, "test", hiding.id, "hungv@city.gov.vn")
        found = account_by_login(conn, "anhpd")
        assert found is not None
        set_admin(conn, "test", found.id, True)
    text = f"(member=uid=hungv@city.gov.vn,{PEOPLE_BASE})"
    for client, is_seen in ((member, False), (bound(any_city, clock, "anhpd"), True)):
        ((_, values),) = client.search(TOP, "(mail=kin@city.gov.vn)").entries
        assert ("member" in values) is is_seen
        assert (group_dn("kin") in member_of(client, "hungv")) is is_seen
        assert (group_dn("kin") in client.search(TOP, text, attributes=["1.1"]).dns) is is_seen
        assert bool(client.search(TOP, f"(memberOf={group_dn('kin')})").entries) is is_seen


def octets_of(client: Client, text: str, *attributes: str) -> list[tuple[str, list[bytes]]]:
    answers = list(read_answers(client.ask("searchRequest", search_request(TOP, text, attributes=attributes))))
    assert len(answers) == 2
    entry: Any = answers[0]["protocolOp"].getComponent()
    return [(str(each["type"]), [bytes(value) for value in each["vals"]]) for each in entry["attributes"]]


def test_photos(any_city: City, member: Client) -> None:
    jpeg, png = b"\xff\xd8\xff\xe0 of An", b"\x89PNG of Hung"
    with any_city.directory.write() as conn:
        for login, kind, octets in (("annv", "image/jpeg", jpeg), ("hungv", "image/png", png)):
            owner = account_by_login(conn, login)
            assert owner is not None
            conn.execute(
                insert(person_photo),
                {"person_id": person_of(conn, owner.id), "media_type": kind, "octets": octets, "changed_at": 0},
            )
    assert octets_of(member, "(uid=annv@city.gov.vn)", "jpegPhoto") == [("jpegPhoto", [jpeg])]
    assert ("jpegPhoto", [jpeg]) in octets_of(member, "(uid=annv@city.gov.vn)")
    # the attribute is for the one format
    assert octets_of(member, "(uid=hungv@city.gov.vn)", "jpegPhoto") == []
    assert member.search(TOP, "(&(jpegPhoto=*)(cn=*n*))", attributes=["cn"]).names == ["Nguyễn Văn An"]


def person_of(conn: Any, account_id: str) -> str:
    return str(conn.execute(account.select().where(account.c.id == account_id)).one().person_id)


def add_certificate(conn: Any, account_id: str, number: int, **more: object) -> bytes:
    der = b"\x30\x82 certificate %d" % number
    row = {
        "id": f"c{number}", "account_id": account_id, "issuer_id": None, "purpose": "encryption", "state": "active",
        "serial": f"{number:x}", "subject": "CN=An", "fingerprint": f"{number}", "not_before": number,
        "not_after": conn.now + 1000, "created_at": 0, "revoked_at": None, "revocation_reason": "", "key_id": None,
        "der": der,
    }  # fmt: skip
    conn.execute(insert(certificate), row | more)
    return der


def test_certificates(any_city: City, clock: Clock, member: Client) -> None:
    """RFC 4522 §4: sent as ;binary, however they are asked for; of what is no more in force, nothing is."""
    with any_city.directory.write() as conn:
        owner = account_by_login(conn, "annv")
        assert owner is not None
        old = add_certificate(conn, owner.id, 1)
        new = add_certificate(conn, owner.id, 2, purpose="signing")
        add_certificate(conn, owner.id, 3, state="revoked")
        add_certificate(conn, owner.id, 4, not_after=conn.now - 1)
        add_certificate(conn, owner.id, 5, state="superseded")
    text = "(mail=annv@city.gov.vn)"
    for asked in ("userCertificate;binary", "usercertificate;binary", "userCertificate", "2.5.4.36"):
        assert octets_of(member, text, asked) == [("userCertificate;binary", [new, old])]
    assert ("userCertificate;binary", [new, old]) in octets_of(member, text)
    for asked in ("userCertificate;lang-vi", "cn;binary", "userCertificate;binary;lang-vi"):
        assert octets_of(member, text, asked) == []
    for present in ("userCertificate", "userCertificate;binary"):
        assert member.search(TOP, f"(&({present}=*)(mail=*ann*))", attributes=["cn"]).names == ["Nguyễn Văn An"]
    clock.advance(2000)
    assert octets_of(member, text, "userCertificate") == []


def test_what_waits_holds_nothing_large(any_city: City, member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are sorted, and whatever the filter looked at."""
    photo = b"\xff\xd8\xff" + b"x" * 60_000
    with any_city.directory.write() as conn:
        for (person_id,) in conn.execute(select(account.c.person_id).where(account.c.person_id.is_not(None))).all():
            values = {"person_id": person_id, "media_type": "image/jpeg", "octets": photo, "changed_at": 0}
            conn.execute(insert(person_photo), values)
    monkeypatch.setattr(searching, "BATCH_OF_LARGE", 2)
    held: list[int] = []
    sent: list[int] = []

    def look(step: object) -> None:
        if isinstance(step, Send):
            sent.append(len(step.octets))
            gathered = [found for found in gc.get_objects() if isinstance(found, Entry)]
            held.append(sum(len(value) for each in gathered for value in each._made.get("jpegphoto", ())))

    member.on_step = look
    found = octets_in(member, "(&(jpegPhoto=*)(sn=*))", [sort_by("createTimestamp")], ["cn", "jpegPhoto"])
    assert found.count(photo) == 7
    assert max(sent) < 3 * len(photo)
    assert max(held) < 3 * len(photo)


def octets_in(client: Client, text: str, controls: list[Any], attributes: list[str]) -> bytes:
    return client.ask("searchRequest", search_request(TOP, text, attributes=attributes), controls)
