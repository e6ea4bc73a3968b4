"""A session: who may, which requests are answered how, and how it ends.

Standards: RFC 3045, RFC 3674, RFC 4512 (root, subschema); RFC 4511, RFC 4513.
"""

from __future__ import annotations

from typing import Any

import pytest

from directory.ldap import searching
from directory.ldap.messages import PAGED, START_TLS, WHO_AM_I, Code
from directory.ldap.policy import Policy
from directory.ldap.schema import ATTRIBUTES, CLASSES
from directory.ldap.session import Services
from directory.mail import account_changes
from directory.mail.accounts import account_by_login
from security.peer import Peer
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import PASSWORD, PEOPLE_BASE, TOP, an, make_client, make_gate
from tests.directory.ldap_client import Client, code_of, cookie_in, message, page, read_answers, rfc4511, search_request

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


def test_a_broken_search_ends_the_session_in_its_turn(member: Client) -> None:
    """Searches are looked into when they are due: what came before one is answered, what comes behind it is not."""
    whole = message(6, "searchRequest", search_request(TOP, "(cn=*hùng*)"))
    broken = whole.replace(b"\x02\x01\x06", b"\x02\x01\x07").replace(b"\xa4", b"\xaf", 1)  # a filter of no kind
    said = member.send(whole + broken + message(8, "delRequest", rfc4511.DelRequest("o=x")))
    *answers, notice = read_answers(said)
    assert {int(each["messageID"]) for each in answers} == {6}
    assert int(notice["messageID"]) == 0
    assert int(notice["protocolOp"].getComponent()["resultCode"]) == Code.PROTOCOL_ERROR
    assert member.session.is_over
    assert member.play() == b""


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
