"""A session against a small city, on either engine: who may, what is found, and how it ends.

Standards: RFC 2247, RFC 2798, RFC 4519, RFC 4524 (entries); RFC 3045, RFC 3674, RFC 4512, RFC 5020 (root, subschema);
RFC 3673 (``+``); RFC 4517, RFC 4518 (matching); RFC 4526; RFC 2696; RFC 2891.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.ldap import ber, searching, walking
from directory.ldap.filters import (
    And,
    Approx,
    AtLeast,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)
from directory.ldap.look_ups import Finder
from directory.ldap.messages import PAGED, SORT_RESPONSE, START_TLS, WHO_AM_I, Code, Search
from directory.ldap.policy import Asker, Policy, attribute_keys
from directory.ldap.schema import ATTRIBUTES, CLASSES
from directory.ldap.session import Services
from directory.ldap.steps import Look
from directory.mail import account_changes, aliases, groups, mailboxes
from directory.mail.accounts import account_by_login
from directory.signing_in.login import Gate
from directory.words.names import fold
from security.passwords import hash_password
from security.peer import Peer
from security.proven import ProvenLogins
from security.throttle import Throttle
from tests.directory.conftest import City, Clock
from tests.directory.ldap_client import (
    Client,
    Found,
    code_of,
    cookie_in,
    message,
    page,
    read_answers,
    rfc4511,
    search_request,
    services,
    sort_by,
)

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


@pytest.fixture
def staffed(city: City) -> City:
    staff(city)
    return city


@pytest.fixture
def any_staffed(any_city: City) -> City:
    staff(any_city)
    return any_city


def make_client(city: City, clock: Clock, *, tls: bool = True, **policy: Any) -> Client:
    return Client(services(city.directory, make_gate(city, clock), **policy), tls=tls)


@pytest.fixture
def stranger(staffed: City, clock: Clock) -> Client:
    return make_client(staffed, clock)


@pytest.fixture
def member(stranger: Client) -> Client:
    assert stranger.bind("annv@city.gov.vn", PASSWORD) is Code.SUCCESS
    return stranger


def an(found: Found) -> dict[str, list[str]]:
    ((_, values),) = found.entries
    return values


# Who is who


@pytest.mark.parametrize(
    "name",
    ["annv", "annv@city.gov.vn", f"uid=annv@city.gov.vn,{PEOPLE_BASE}", f"UID=ANNV@city.gov.vn, OU=People, {TOP}",
     f"mail=giam.sat@city.gov.vn,{PEOPLE_BASE}"],
)  # fmt: skip
def test_a_simple_bind(stranger: Client, name: str) -> None:
    assert stranger.bind(name, PASSWORD) is Code.SUCCESS
    assert who_am_i(stranger) == f"dn:uid=annv@city.gov.vn,{PEOPLE_BASE}"


def who_am_i(client: Client) -> str:
    request = rfc4511.ExtendedRequest()
    request["requestName"] = rfc4511.RequestName(WHO_AM_I)
    (answer,) = read_answers(client.ask("extendedReq", request))
    return bytes(answer["protocolOp"].getComponent()["responseValue"]).decode()


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("annv", "falsch", Code.INVALID_CREDENTIALS),
        ("nobody", PASSWORD, Code.INVALID_CREDENTIALS),
        ("uid=annv@city.gov.vn,ou=people,dc=elsewhere", PASSWORD, Code.INVALID_CREDENTIALS),
        ("=,", PASSWORD, Code.INVALID_CREDENTIALS),
        ("", PASSWORD, Code.INVALID_CREDENTIALS),
        ("annv", "", Code.UNWILLING_TO_PERFORM),  # RFC 4513 §5.1.2
        ("", "", Code.SUCCESS),
    ],
)
def test_binds_that_let_nobody_in(member: Client, name: str, password: str, code: Code) -> None:
    assert member.bind(name, password) is code
    # RFC 4513 §4: he is nobody again, whoever he was
    assert who_am_i(member) == ""
    assert member.search(TOP).code is Code.INSUFFICIENT_ACCESS_RIGHTS


def test_no_password_without_tls(staffed: City, clock: Clock) -> None:
    client = make_client(staffed, clock, tls=False)
    assert client.bind("annv", PASSWORD) is Code.CONFIDENTIALITY_REQUIRED
    assert client.bind_sasl("PLAIN", b"\0annv\0" + PASSWORD.encode())[0] is Code.CONFIDENTIALITY_REQUIRED
    assert client.bind("", "") is Code.SUCCESS
    assert "supportedSASLMechanisms" not in an(client.search("", scope="BASE", attributes=["+"]))


def test_sasl_plain(stranger: Client) -> None:
    shown = b"\0annv\0" + PASSWORD.encode()
    assert stranger.bind_sasl("PLAIN", shown) == (Code.SUCCESS, b"")
    assert stranger.bind_sasl("plain", None) == (Code.SASL_BIND_IN_PROGRESS, b"")
    assert who_am_i(stranger) == ""
    assert stranger.bind_sasl("PLAIN", shown) == (Code.SUCCESS, b"")
    assert who_am_i(stranger).startswith("dn:uid=annv@")
    assert stranger.bind_sasl("PLAIN", b"\0annv\0nein")[0] is Code.INVALID_CREDENTIALS
    assert stranger.bind_sasl("PLAIN", b"annv")[0] is Code.INVALID_CREDENTIALS
    for mechanism in ("EXTERNAL", "GSSAPI", ""):
        assert stranger.bind_sasl(mechanism, b"")[0] is Code.AUTH_METHOD_NOT_SUPPORTED


def test_external_by_certificate(staffed: City, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "certified_addresses", lambda self: ("annv@city.gov.vn",))
    client = make_client(staffed, clock, tls=False)
    assert an(client.search("", scope="BASE", attributes=["+"]))["supportedSASLMechanisms"] == ["EXTERNAL"]
    assert client.bind_sasl("EXTERNAL", b"")[0] is Code.SUCCESS
    assert client.search(TOP, "(uid=annv@city.gov.vn)").names == ["Nguyễn Văn An"]


def test_who_is_locked_sees_nothing_more(member: Client, staffed: City) -> None:
    assert member.search(TOP, "(cn=*)").code is Code.SUCCESS
    with staffed.directory.write() as conn:
        found = account_by_login(conn, "annv")
        assert found is not None
        account_changes.lock(conn, "test", found.id)
    again = member.search(TOP, "(cn=*)")
    assert (again.code, again.entries) == (Code.INSUFFICIENT_ACCESS_RIGHTS, [])
    assert "does not hold" in again.text


# What is found


FILTERS = [
        ("(cn=Nguyễn Văn An)", ["Nguyễn Văn An"]),
        ("(cn=nguyễn  văn an)", ["Nguyễn Văn An"]),
        ("(cn=nguyen van an)", []),
        ("(cn~=nguyen van an)", ["Nguyễn Văn An"]),
        ("(cn:citymailFoldMatch:=NGUYEN VAN AN)", ["Nguyễn Văn An"]),
        ("(cn=*guy*)", ["Nguyễn Thị Ân", "Nguyễn Văn An"]),
        ("(cn=*guyễ*)", ["Nguyễn Thị Ân", "Nguyễn Văn An"]),
        ("(cn=ng*an)", ["Nguyễn Thị Ân", "Nguyễn Văn An"]),
        ("(cn=ng*v*an)", ["Nguyễn Văn An"]),
        ("(cn=*n an)", ["Nguyễn Văn An"]),
        ("(cn=*do an*)", ["Đỗ An Bình"]),
        ("(sn=đỗ)", ["Đỗ An Bình"]),
        ("(givenName=an)", ["Nguyễn Văn An"]),
        ("(mail=giam.sat@city.gov.vn)", ["Nguyễn Văn An"]),
        ("(mail=*am.sa*)", ["Nguyễn Văn An"]),
        ("(mail=giam*@CITY.gov.vn)", ["Nguyễn Văn An"]),
        ("(mail=*@city.gov.vn)", EVERYBODY),
        ("(uid=annv@city.gov.vn)", ["Nguyễn Văn An"]),
        ("(&(objectClass=inetOrgPerson)(ou=*tài chính*))", ["Lê Văn Hạ", "Trần Thị Thu Hà"]),
        ("(title=chủ tịch)", ["Phạm Đức Anh"]),
        ("(&(objectClass=person)(cn=*a*)(!(cn=*n*)))", []),
        ("(&(sn=*)(!(sn=n*))(!(sn=t*))(!(sn=v*)))", ["Lê Văn Hạ", "Phạm Đức Anh", "Đỗ An Bình"]),
        ("(telephoneNumber=02838291000)", [name for name, _, _ in PEOPLE]),
        ("(|(cn=*hùng*)(nickname=*hùng*)(mozillaSecondEmail=*))", ["Võ Hùng"]),
        ("(!(nickname=x))", []),
        ("(objectClass=groupOfNames)", ["Toàn thể Sở Y tế"]),
        ("(objectClass=2.5.6.9)", ["Toàn thể Sở Y tế"]),
        ("(:dn:caseIgnoreMatch:=annv@city.gov.vn)", ["Nguyễn Văn An"]),
        ("(employeeNumber=CB0)", []),  # only himself and administrators see it
        ("(createTimestamp>=20200101000000Z)", EVERYBODY),
        ("(createTimestamp<=20200101000000Z)", []),
        ("(createTimestamp>=yesterday)", []),
        ("(cn=*\\2a*)", []),
        ("(cn=*%*)", []),
        ("(|(mail=*ễn*)(cn=*ễn*))", ["Nguyễn Thị Ân", "Nguyễn Văn An"]),
        ("(mail=*ａｎｎv*)", ["Nguyễn Văn An"]),
        ("(cn=*_*n an)", []),
        ("(cn=*văn hạ)", ["Lê Văn Hạ"]),
        ("(cn=nguyen v*)", ["Nguyễn Văn An"]),
        ("(displayName=*an b*)", ["Đỗ An Bình"]),
        ("(memberOf=mail=toan.syt@city.gov.vn,ou=groups,dc=city,dc=gov,dc=vn)",
         ["Nguyễn Thị Ân", "Nguyễn Văn An", "Võ Hùng"]),
        ("(memberOf=mail=nobody@city.gov.vn,ou=groups,dc=city,dc=gov,dc=vn)", []),
        ("(&(memberOf=mail=toan.syt@city.gov.vn,ou=groups,dc=city,dc=gov,dc=vn)(uid=annv*))", ["Nguyễn Văn An"]),
        ("(member=uid=annv@city.gov.vn,ou=people,dc=city,dc=gov,dc=vn)", ["Toàn thể Sở Y tế"]),
        ("(member=uid=anhpd@city.gov.vn,ou=people,dc=city,dc=gov,dc=vn)", []),
        ("(userCertificate=*)", []),
        ("(&(objectClass=person)(!(userCertificate;binary=*))(cn=*hùng))", ["Võ Hùng"]),
    ]  # fmt: skip


def test_filters(any_staffed: City, clock: Clock) -> None:
    client = make_client(any_staffed, clock, private=attribute_keys(("employeeNumber",)))
    assert client.bind("anhpd", PASSWORD) is Code.SUCCESS
    found = [(text, client.search(TOP, text)) for text, _ in FILTERS]
    assert [(text, each.code) for text, each in found] == [(text, Code.SUCCESS) for text, _ in FILTERS]
    assert [(text, sorted(each.names)) for text, each in found] == [(text, sorted(names)) for text, names in FILTERS]


def test_an_entry(member: Client) -> None:
    found = member.search(TOP, "(uid=annv@city.gov.vn)")
    assert found.dns == [f"uid=annv@city.gov.vn,{PEOPLE_BASE}"]
    values = an(found)
    assert values.pop("seeAlso")[0].endswith(f",ou=units,{TOP}")
    assert values == {
        "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson"],
        "uid": ["annv@city.gov.vn"],
        "cn": ["Nguyễn Văn An"],
        "displayName": ["Nguyễn Văn An"],
        "sn": ["Nguyễn"],
        "givenName": ["An"],
        "mail": ["annv@city.gov.vn", "giam.sat@city.gov.vn"],
        "title": ["Chuyên viên"],
        "ou": ["Sở Y tế"],
        "telephoneNumber": ["028 3829-1000"],
        "employeeNumber": ["CB0"],
        "preferredLanguage": ["vi"],
    }


def test_units_and_groups(member: Client, staffed: City) -> None:
    found = member.search(f"ou=units,{TOP}", "(ou=SYT)", "LEVEL")
    unit = an(found)
    assert unit["ou"] == ["Sở Y tế", "SYT"]
    assert unit["seeAlso"] == [f"uid={staffed.units['UBND']},ou=units,{TOP}"]
    above = member.search(unit["seeAlso"][0], scope="BASE")
    assert an(above)["ou"] == ["UBND Thành phố", "UBND"]
    group = an(member.search(TOP, "(mail=toan.syt@city.gov.vn)"))
    assert group["objectClass"] == ["top", "groupOfNames", "extensibleObject"]
    assert group["member"] == [f"uid={login}@city.gov.vn,{PEOPLE_BASE}" for login in ("annt", "annv", "hungv")]
    mine = member.search(TOP, f"(member=uid=annv@city.gov.vn,{PEOPLE_BASE})", attributes=["mail"])
    assert mine.dns == [f"mail=toan.syt@city.gov.vn,ou=groups,{TOP}"]


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [
        ([], None),
        (["1.1"], set()),
        (["CN", "2.5.4.4", "nickname"], {"cn", "sn"}),
        (
            ["+"],
            {
                *("createTimestamp", "entryDN", "hasSubordinates", "memberOf", "structuralObjectClass"),
                "subschemaSubentry",
            },
        ),
        (["userCertificate;binary", "cn;lang-vi", "mail"], {"mail"}),
    ],
)
def test_selection(member: Client, attributes: list[str], keys: set[str] | None) -> None:
    whole = an(member.search(TOP, "(uid=annv@city.gov.vn)", attributes=["*", "+"]))
    found = an(member.search(TOP, "(uid=annv@city.gov.vn)", attributes=attributes))
    operational = {kind.name for kind in ATTRIBUTES if kind.is_operational}
    assert set(found) == (set(whole) - operational if keys is None else keys)
    assert all(found[key] == whole[key] for key in found)
    types = an(member.search(TOP, "(uid=annv@city.gov.vn)", attributes=attributes, types_only=True))
    assert types == {key: [] for key in found}


@pytest.mark.parametrize(
    ("base", "scope", "count"),
    [
        (TOP, "BASE", 1), (TOP, "LEVEL", 3), (f"ou=groups,{TOP}", "BASE", 1), (f"ou=groups,{TOP}", "LEVEL", 1),
        (f"OU=Groups, {TOP}", "SUBTREE", 2), (PEOPLE_BASE, "LEVEL", 8), (f"ou=units,{TOP}", "LEVEL", 5),
        ("", "SUBTREE", 18), (TOP, "SUBTREE", 18), (f"uid=annv@city.gov.vn,{PEOPLE_BASE}", "BASE", 1),
        (f"uid=annv@city.gov.vn,{PEOPLE_BASE}", "SUBTREE", 1), (f"uid=annv@city.gov.vn,{PEOPLE_BASE}", "LEVEL", 0),
    ],
)  # fmt: skip
def test_scopes(member: Client, base: str, scope: str, count: int) -> None:
    found = member.search(base, scope=scope, attributes=["1.1"])
    assert (found.code, len(found.entries)) == (Code.SUCCESS, count)
    assert len(set(found.dns)) == count


@pytest.mark.parametrize(
    ("base", "code", "matched"),
    [
        ("dc=elsewhere", Code.NO_SUCH_OBJECT, ""),
        (f"ou=rooms,{TOP}", Code.NO_SUCH_OBJECT, TOP),
        (f"uid=nobody@city.gov.vn,{PEOPLE_BASE}", Code.NO_SUCH_OBJECT, PEOPLE_BASE),
        (f"uid=giam.sat@city.gov.vn,{PEOPLE_BASE}", Code.NO_SUCH_OBJECT, PEOPLE_BASE),
        (f"cn=x,uid=annv@city.gov.vn,{PEOPLE_BASE}", Code.NO_SUCH_OBJECT, PEOPLE_BASE),
        (f"uid=x,ou=units,{TOP}", Code.NO_SUCH_OBJECT, f"ou=units,{TOP}"),
        ("dc", Code.INVALID_DN_SYNTAX, ""),
    ],
)
def test_bases_that_do_not_exist(member: Client, base: str, code: Code, matched: str) -> None:
    found = member.search(base)
    assert (found.code, found.matched, found.entries) == (code, matched, [])


# What clients really send (see Thunderbird's sources, and packets of Apple's address book)


def test_thunderbird_completes(member: Client) -> None:
    filter_text = "(|(cn=*nguyen*van a*)(mail=*nguyen van a*)(givenName=*nguyen*)(sn=*nguyen*))"
    found = member.search(TOP, filter_text, attributes=["cn", "mail", "mozillaSecondEmail"], size_limit=100)
    assert sorted(found.names) == ["Nguyễn Thị Ân", "Nguyễn Văn An"]
    for typed, name in (("hung", "Võ Hùng"), ("đứ", "Phạm Đức Anh"), ("nvhung", None), ("oan.sy", "Toàn thể Sở Y tế")):
        text = f"(|(cn=*{typed}*-*)(mail=*{typed}*)(givenName=*{typed}*)(sn=*{typed}*)(cn=*{typed}*))"
        assert member.search(TOP, text).names == ([name] if name else [])


def test_thunderbird_asks_for_certificates(member: Client) -> None:
    text = "(|(mail=annv@city.gov.vn)(mail=hungv@city.gov.vn))"
    found = member.search(TOP, text, attributes=["usercertificate;binary"], size_limit=4)
    assert (found.code, [values for _, values in found.entries]) == (Code.SUCCESS, [{}, {}])


def test_apple_asks_from_the_root(member: Client) -> None:
    attributes = ["sn", "givenName", "cn", "mail", "jpegPhoto", "labeledURI", "o", "ou", "title"]
    text = "(|(givenName=anh*)(sn=anh*)(cn=anh*)(mail=anh*))"
    assert member.search("", text, attributes=attributes, time_limit=30).names == ["Phạm Đức Anh"]


def test_outlook_resolves(member: Client) -> None:
    text = "(&(mail=*)(|(mail=bin*)(|(cn=bin*)(|(sn=bin*)(givenName=bin*)))))"
    assert member.search(TOP, text, attributes=["cn", "mail", "display-name"]).names == ["Đỗ An Bình"]


# Limits, pages and order


def test_size_limits(staffed: City, clock: Clock) -> None:
    client = make_client(staffed, clock, size_limit=4, anonymous_size_limit=2, anonymous=attribute_keys(("cn", "mail")))
    found = client.search(TOP, "(cn=*)")
    assert (found.code, len(found.entries)) == (Code.SIZE_LIMIT_EXCEEDED, 2)
    assert {key for _, values in found.entries for key in values} == {"cn", "mail", "objectClass"}
    assert client.search(TOP, "(title=*)").entries == []
    client.bind("annv", PASSWORD)
    for asked, got in ((0, 4), (3, 3), (100, 4)):
        found = client.search(TOP, "(cn=*)", size_limit=asked)
        assert (found.code, len(found.entries)) == (Code.SIZE_LIMIT_EXCEEDED, got)
    assert client.search(TOP, "(cn=*hùng*)", size_limit=1).code is Code.SUCCESS


def test_a_time_limit(staffed: City, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BATCH_OF_LARGE", 2)
    given = services(staffed.directory, make_gate(staffed, clock))
    object.__setattr__(given, "monotonic", clock)
    client = Client(given)
    client.bind("annv", PASSWORD)
    client.on_step = lambda step: clock.advance(1.5)
    found = client.search(TOP, "(cn=*)", time_limit=3)
    assert found.code is Code.TIME_LIMIT_EXCEEDED
    assert 0 < len(found.entries) < 9


def test_what_no_index_helps_with_ends(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "EXAMINED", 3)
    monkeypatch.setattr(walking, "_BATCH", 1)
    monkeypatch.setattr(walking, "_LEAST", 1)
    found = member.search(TOP, "(telephoneNumber=1)")
    assert (found.code, found.entries) == (Code.ADMIN_LIMIT_EXCEEDED, [])
    assert member.search(TOP, "(cn=*hùng*)").code is Code.SUCCESS
    # in pages the search goes on where it stopped
    seen, cookie = 0, b""
    for _ in range(50):
        found = member.search(TOP, "(telephoneNumber=*1000)", controls=[page(2, cookie)])
        assert found.code is Code.SUCCESS
        seen, cookie = seen + len(found.entries), cookie_in(found)
        if not cookie:
            break
    assert seen == len(PEOPLE)


@pytest.mark.parametrize("size", [1, 2, 5, 9, 10, 100])
def test_pages(member: Client, size: int) -> None:
    whole = member.search(TOP, "(cn=*)").dns
    found: list[str] = []
    cookie = b""
    while True:
        one = member.search(TOP, "(cn=*)", controls=[page(size, cookie)])
        assert one.code is Code.SUCCESS
        assert len(one.entries) <= size
        found += one.dns
        cookie = cookie_in(one)
        if not cookie:
            break
        assert len(one.entries) == size
    assert found == whole


def test_pages_that_are_not_given(member: Client, staffed: City, clock: Clock) -> None:
    first = member.search(TOP, "(cn=*)", controls=[page(2)])
    cookie = cookie_in(first)
    # RFC 2696 §3: it must be the same search
    assert member.search(TOP, "(sn=*)", controls=[page(2, cookie)]).code is Code.UNWILLING_TO_PERFORM
    assert member.search(TOP, "(cn=*)", controls=[page(2, cookie)]).code is Code.UNWILLING_TO_PERFORM
    assert member.search(TOP, "(cn=*)", controls=[page(2, b"forged")]).code is Code.UNWILLING_TO_PERFORM
    cookie = cookie_in(member.search(TOP, "(cn=*)", controls=[page(2)]))
    enough = member.search(TOP, "(cn=*)", controls=[page(0, cookie)])
    assert (enough.code, enough.entries, cookie_in(enough)) == (Code.SUCCESS, [], b"")
    cookie = cookie_in(member.search(TOP, "(cn=*)", controls=[page(2)]))
    member.bind("hungv", PASSWORD)
    assert member.search(TOP, "(cn=*)", controls=[page(2, cookie)]).code is Code.UNWILLING_TO_PERFORM
    few = make_client(staffed, clock, paged_limit=3, size_limit=3)
    few.bind("annv", PASSWORD)
    cookie = cookie_in(few.search(TOP, "(cn=*)", controls=[page(2)]))
    last = few.search(TOP, "(cn=*)", controls=[page(2, cookie)])
    assert (last.code, len(last.entries), cookie_in(last)) == (Code.SIZE_LIMIT_EXCEEDED, 1, b"")


def test_order(member: Client) -> None:
    found = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn")])
    # by the given name, as a Vietnamese list is
    order = ("Nguyễn Văn An", "Phạm Đức Anh", "Nguyễn Thị Ân", "Đỗ An Bình", "Trần Thị Thu Hà", "Lê Văn Hạ", "Võ Hùng")
    assert found.names == list(order)
    assert found.controls[SORT_RESPONSE] == ber.sequence([ber.integer(0, ber.ENUMERATED)])
    back = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("-cn")])
    assert back.names == found.names[::-1]
    by_unit = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by("title", "-cn")])
    assert by_unit.names[0] == "Phạm Đức Anh"
    assert by_unit.names[-1] == "Văn thư Sở Y tế"  # has none: larger than all others
    pages = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn"), page(3)])
    rest = member.search(PEOPLE_BASE, "(title=*)", controls=[sort_by("cn"), page(9, cookie_in(pages))])
    assert pages.names + rest.names == found.names


def test_what_cannot_be_sorted(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for attribute, code in (("nickname", Code.NO_SUCH_ATTRIBUTE), ("attributeTypes", Code.INAPPROPRIATE_MATCHING)):
        found = member.search(TOP, "(cn=*hùng*)", controls=[sort_by(attribute)])
        assert (found.code, found.entries) == (Code.UNAVAILABLE_CRITICAL_EXTENSION, [])
        assert ber.Reader(found.controls[SORT_RESPONSE]).inside().integer(ber.ENUMERATED) == code
        found = member.search(TOP, "(cn=*hùng*)", controls=[sort_by(attribute, critical=False)])
        assert (found.code, found.names) == (Code.SUCCESS, ["Võ Hùng"])
    monkeypatch.setattr(searching, "SORTABLE", 3)
    found = member.search(TOP, "(cn=*)", controls=[sort_by("cn", critical=False)])
    assert (found.code, len(found.entries)) == (Code.SUCCESS, 9)
    assert member.search(TOP, "(cn=*)", controls=[sort_by("cn")]).code is Code.UNAVAILABLE_CRITICAL_EXTENSION
    # people by name come from an index, however many they are
    for order in ("cn", "-displayName"):
        sorted_names = member.search(PEOPLE_BASE, "(cn=*)", controls=[sort_by(order)]).names
        assert len(sorted_names) == 8
        assert sorted_names.index("Võ Hùng") > sorted_names.index("Nguyễn Văn An") or order.startswith("-")
        assert sorted_names == member.search(PEOPLE_BASE, "(sn=*)", controls=[sort_by(order)]).names


# The rest of the protocol


def test_the_root_tells_the_truth(stranger: Client) -> None:
    root = an(stranger.search("", scope="BASE", attributes=["+"]))
    assert root["namingContexts"] == [TOP]
    assert root["supportedSASLMechanisms"] == ["PLAIN"]
    assert root["supportedExtension"] == [WHO_AM_I]
    assert set(an(stranger.search("", scope="BASE"))) == {"objectClass"}
    assert stranger.search("", "(objectClass=nothing)", scope="BASE").entries == []
    assert cookie_in(stranger.search("", scope="BASE", controls=[page(5)])) == b""
    schema = an(stranger.search(root["subschemaSubentry"][0], scope="BASE", attributes=["*", "+"]))
    assert len(schema["attributeTypes"]) == len(ATTRIBUTES)
    names = {name for kind in ATTRIBUTES for name in kind.names}
    for each in CLASSES:
        assert set(each.must) | set(each.may) <= names
        assert not each.above or each.above in {other.name for other in CLASSES}
    for word in ("EQUALITY", "ORDERING", "SUBSTR"):
        used = {text.split(f" {word} ")[1].split()[0] for text in schema["attributeTypes"] if f" {word} " in text}
        assert all(any(f"NAME '{rule}'" in text for text in schema["matchingRules"]) for rule in used)
    syntaxes = {
        text.split(" SYNTAX ")[1].split()[0] for key in ("attributeTypes", "matchingRules") for text in schema[key]
    }
    assert all(any(f"( {oid} " in text for text in schema["ldapSyntaxes"]) for oid in syntaxes)


def test_every_entry_obeys_the_schema(member: Client) -> None:
    classes = {each.name: each for each in CLASSES}
    for _, values in member.search(TOP).entries:
        must: set[str] = set()
        may: set[str] = set()
        for name in values["objectClass"]:
            must |= set(classes[name].must)
            may |= set(classes[name].may)
        assert must <= set(values)
        assert set(values) <= must | may or "extensibleObject" in values["objectClass"]
        single = {kind.name for kind in ATTRIBUTES if kind.single}
        assert all(len(values[key]) == 1 for key in single & set(values))


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("sn", "NGUYỄN", Code.COMPARE_TRUE),
        ("sn", "Tran", Code.COMPARE_FALSE),
        ("mail", "giam.sat@city.gov.vn", Code.COMPARE_TRUE),
        ("o", "x", Code.NO_SUCH_ATTRIBUTE),
        ("nickname", "x", Code.UNDEFINED_ATTRIBUTE_TYPE),
        ("attributeTypes", "x", Code.INAPPROPRIATE_MATCHING),
        ("createTimestamp", "x", Code.INAPPROPRIATE_MATCHING),
    ],
)
def test_compare(member: Client, attribute: str, value: str, code: Code) -> None:
    assert code_of(member.ask("compareRequest", comparison("annv", attribute, value))) is code
    assert code_of(member.ask("compareRequest", comparison("nobody", "sn", "x"))) is Code.NO_SUCH_OBJECT
    member.bind("", "")
    refused = member.ask("compareRequest", comparison("annv", "sn", "Nguyễn"))
    assert code_of(refused) is Code.INSUFFICIENT_ACCESS_RIGHTS


def comparison(login: str, attribute: str, value: str) -> Any:
    request = rfc4511.CompareRequest()
    request["entry"] = f"uid={login}@city.gov.vn,{PEOPLE_BASE}"
    request["ava"] = rfc4511.AttributeValueAssertion()
    request["ava"]["attributeDesc"] = rfc4511.AttributeDescription(attribute)
    request["ava"]["assertionValue"] = rfc4511.AssertionValue(value.encode())
    return request


def test_writes_are_answered_with_the_right_way(member: Client) -> None:
    answer = member.ask("delRequest", rfc4511.DelRequest("o=x"))
    (found,) = read_answers(answer)
    done = found["protocolOp"].getComponent()
    assert found["protocolOp"].getName() == "delResponse"
    assert int(done["resultCode"]) == Code.UNWILLING_TO_PERFORM
    assert "citymail official remove" in bytes(done["diagnosticMessage"]).decode()


def test_controls_that_are_not_known(member: Client) -> None:
    critical = member.search(TOP, "(cn=*)", controls=[("1.2.3.4", True, None)])
    assert (critical.code, critical.entries) == (Code.UNAVAILABLE_CRITICAL_EXTENSION, [])
    assert len(member.search(TOP, "(cn=*)", controls=[("1.2.3.4", False, None)]).entries) == 9
    # known of a search only
    refused = member.ask("delRequest", rfc4511.DelRequest("o=x"), [(PAGED, True, b"")])
    assert code_of(refused) is Code.UNAVAILABLE_CRITICAL_EXTENSION
    assert member.search(TOP, controls=[(PAGED, True, b"nonsense")]).code is Code.PROTOCOL_ERROR


def test_extended_operations_that_are_not_known(member: Client) -> None:
    request = rfc4511.ExtendedRequest()
    request["requestName"] = rfc4511.RequestName(START_TLS)
    assert code_of(member.ask("extendedReq", request)) is Code.PROTOCOL_ERROR


def test_a_search_is_abandoned(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BATCH_OF_LARGE", 2)
    abandon = message(90, "abandonRequest", rfc4511.AbandonRequest(77))
    steps = 0

    def give_up(_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 4:
            member.session.feed(abandon)

    member.on_step = give_up
    said = member.send(message(77, "searchRequest", search_request(TOP, "(cn=*)")))
    member.on_step = lambda _: None
    entries = list(read_answers(said))
    assert all(each["protocolOp"].getName() == "searchResEntry" for each in entries)
    assert len(entries) < 9
    # one that still waits is never begun; what comes after it is answered
    said = member.send(
        message(78, "searchRequest", search_request(TOP, "(cn=*)"))
        + message(79, "searchRequest", search_request(TOP, "(cn=*hùng*)"))
        + message(80, "abandonRequest", rfc4511.AbandonRequest(78))
    )
    assert {int(each["messageID"]) for each in read_answers(said)} == {79}


def test_broken_octets_end_the_session(member: Client) -> None:
    said = member.send(message(5, "delRequest", rfc4511.DelRequest("o=x")) + b"GET / HTTP/1.1\r\n\r\n")
    first, notice = read_answers(said)
    assert (int(first["messageID"]), int(notice["messageID"])) == (5, 0)
    assert int(notice["protocolOp"].getComponent()["resultCode"]) == Code.PROTOCOL_ERROR
    assert member.session.is_over
    assert member.send(message(6, "delRequest", rfc4511.DelRequest("o=x"))) == b""


def test_unbind_ends_the_session(member: Client) -> None:
    assert member.send(message(5, "unbindRequest", rfc4511.UnbindRequest(""))) == b""
    assert member.session.is_over


def test_a_stranger_may_not_send_much(stranger: Client) -> None:
    said = stranger.send(bytes.fromhex("30840001ffff"))
    (notice,) = read_answers(said)
    assert "too long" in bytes(notice["protocolOp"].getComponent()["diagnosticMessage"]).decode()


def test_what_is_sent_behind_start_tls_is_not_taken(staffed: City, clock: Clock) -> None:
    given = Services(staffed.directory, make_gate(staffed, clock), Policy(), offers_tls=True)
    client = Client(given, tls=False)
    request = rfc4511.ExtendedRequest()
    request["requestName"] = rfc4511.RequestName(START_TLS)
    start = message(3, "extendedReq", request)
    for behind in (message(4, "delRequest", rfc4511.DelRequest("o=x")), b"\x30"):
        injected = Client(given, tls=False)
        (notice,) = read_answers(injected.send(start + behind))
        assert int(notice["messageID"]) == 0
        assert injected.session.is_over
    assert client.bind("annv", PASSWORD) is Code.CONFIDENTIALITY_REQUIRED
    assert code_of(client.send(start)) is Code.SUCCESS
    assert client.bind("annv", PASSWORD) is Code.SUCCESS


def test_what_waits_has_a_limit(member: Client) -> None:
    small = message(5, "searchRequest", search_request("", scope="BASE", attributes=["1.1"]))
    large = message(6, "searchRequest", search_request("", f"(cn={'x' * 300_000})", scope="BASE", attributes=["1.1"]))
    for one, count in ((small, 250), (large, 5)):
        session = member.session
        session.feed(one * count)
        assert session.is_full
        assert session.has_begun
        answers = [each for each in read_answers(member.play()) if each["protocolOp"].getName() == "searchResDone"]
        assert len(answers) == count
        assert not session.is_full


def test_filters_that_are_too_much(member: Client) -> None:
    """Long values match nothing; a hundred different words are looked up one by one, not in the index."""
    assert member.search(TOP, f"(cn=*{'nguyen' * 1000}*)").entries == []
    words = "".join(f"(cn=*x{number}y*)" for number in range(99))
    assert member.search(TOP, f"(|{words}(cn=*hùng*))").names == ["Võ Hùng"]


def test_hints_find_whatever_a_filter_finds(staffed: City, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without an index the same is found, of any part of any name."""
    chance = random.Random(5)
    texts = []
    for name, _, _ in PEOPLE * 4:
        spelled = fold(name) if chance.random() < 0.5 else name
        start = chance.randrange(len(spelled))
        part = spelled[start : start + chance.randint(1, 6)]
        for attribute in ("cn", "givenName", "sn", "displayName", "mail"):
            value = chance.choice((f"*{part}*", f"{part}*", f"*{part}"))
            texts.append(f"({attribute}={value})")
    client = make_client(staffed, clock)
    client.bind("annv", PASSWORD)
    with_index = [client.search(TOP, text) for text in texts]
    monkeypatch.setattr(walking, "narrow", lambda wanted: None)
    for text, found in zip(texts, with_index, strict=True):
        assert sorted(found.dns) == sorted(client.search(TOP, text).dns), text
    assert sum(len(found.entries) for found in with_index) > 50


_ATTRIBUTES = st.sampled_from(
    ["cn", "CN", "sn", "givenName", "mail", "uid", "ou", "title", "objectClass", "member", "o"]
)
_VALUES = st.sampled_from(
    ["a", "an", "Ân", "nguyen", "Nguyễn", "n v", "y te", "SYT", "annv@city.gov.vn", "@city", "vanthu", "toan", "person"]
).map(str.encode) | st.binary(min_size=1, max_size=4)
_ASSERTIONS = st.one_of(
    st.builds(Equal, _ATTRIBUTES, _VALUES),
    st.builds(Approx, _ATTRIBUTES, _VALUES),
    st.builds(AtLeast, _ATTRIBUTES, _VALUES),
    st.builds(Present, _ATTRIBUTES),
    st.builds(
        Substrings,
        _ATTRIBUTES,
        st.none() | _VALUES,
        st.lists(_VALUES, min_size=1, max_size=2).map(tuple),
        st.none() | _VALUES,
    ),
    st.builds(
        Extensible,
        st.sampled_from(["", "citymailFoldMatch", "caseIgnoreMatch", "2.5.13.1"]),
        _ATTRIBUTES,
        _VALUES,
        st.booleans(),
    ),
)
_FILTERS: st.SearchStrategy[Filter] = st.recursive(
    _ASSERTIONS,
    lambda parts: st.one_of(
        st.builds(And, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=6,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=_FILTERS)
def test_any_filter_finds_the_same_with_and_without_an_index(staffed: City, wanted: Filter) -> None:
    asker = Asker(None, Policy(anonymous=frozenset(kind.key for kind in ATTRIBUTES)))
    search = Search(TOP, 2, 0, 0, False, wanted, ("*",))

    def found() -> list[str]:
        walk = walking.Walk(staffed.directory, Finder(), search, asker)
        entries = []
        while not walk.is_over:
            entries += walk.more(3)
        assert walk.is_whole
        return [entry.dn for entry in entries]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walking, "_FIRST", 2)
        with_index = found()
        assert len(set(with_index)) == len(with_index)
        patch.setattr(walking, "narrow", lambda wanted: None)
        patch.setattr(walking, "possible", lambda wanted, kind: True)
        assert sorted(with_index) == sorted(found())


@pytest.mark.parametrize(
    ("text", "attributes", "is_light"),
    [
        ("(mail=toan.syt@city.gov.vn)", ["cn", "mail"], True),
        ("(|(uid=annv@city.gov.vn)(employeeNumber=CB0))", ["1.1"], True),
        # the members of a group may be a whole city, and whose groups somebody is in is a long question too
        ("(mail=toan.syt@city.gov.vn)", ["member"], False),
        ("(mail=toan.syt@city.gov.vn)", [], False),
        (f"(&(mail=annv@city.gov.vn)(!(memberOf=mail=x,ou=groups,{TOP})))", ["cn"], False),
        ("(&(mail=annv@city.gov.vn)(:caseIgnoreMatch:=x))", ["cn"], False),
        ("(cn=*an*)", ["cn"], False),
        ("(ou=Sở Y tế)", ["cn"], False),
    ],
)
def test_only_what_takes_no_time_is_done_in_place(
    member: Client, text: str, attributes: list[str], is_light: bool
) -> None:
    seen: list[bool] = []
    member.on_step = lambda step: seen.append(step.is_light) if isinstance(step, Look) else None
    member.search(TOP, text, attributes=attributes)
    assert seen[0] is is_light
