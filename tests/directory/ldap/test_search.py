"""What is found in a small city, on either engine, and what real clients ask.

Standards: RFC 2247, RFC 2798, RFC 4519, RFC 4524, RFC 5020 (entries); RFC 3673 (``+``); RFC 4517, RFC 4518 (matching);
RFC 4526.
"""

from __future__ import annotations

import pytest

from directory.ldap.messages import Code
from directory.ldap.policy import attribute_keys
from directory.ldap.schema import ATTRIBUTES
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import EVERYBODY, PASSWORD, PEOPLE, PEOPLE_BASE, TOP, an, make_client
from tests.directory.ldap_client import Client

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
    ("(telephoneNumber=*9 1000)", [name for name, _, _ in PEOPLE]),
    ("(telephoneNumber=028*8291-0.00)", [name for name, _, _ in PEOPLE]),
    ("(telephoneNumber=*000)", [name for name, _, _ in PEOPLE]),
    ("(telephoneNumber=*3829*)", [name for name, _, _ in PEOPLE]),
    ("(telephoneNumber=*91001)", []),
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
        (["y" * 5000], set()),
        (["y" * 5000, "sn"], {"sn"}),
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
