"""The gate without a password that a person typed: app passwords, SCRAM, certificates and tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from scramp import ScramClient

from directory.database import Directory
from directory.faults import Fault
from directory.housekeeping import tidy_up
from directory.mail import account_changes
from directory.signing_in import app_passwords, scram_verifiers
from directory.signing_in.admission import Admission
from directory.signing_in.login import Gate, LoginRefused, LoginRules
from directory.signing_in.sasl_login import Away, Wait, converse
from directory.staff import leaving
from directory.staff.intake import Joined
from security.passwords import hash_password
from security.peer import Peer
from security.proven import ProvenLogins
from security.sasl import Challenge, Credentials, ExternalClaim, SaslFault
from security.scram import make_verifier, new_verifier
from security.throttle import FREE_PER_PAIR, Throttle
from security.tokens import TokenJudge
from tests.directory.conftest import START, City, Clock

PASSWORD = "Một mật khẩu tốt"
STORED, VERIFIER = hash_password(PASSWORD), new_verifier(PASSWORD)
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


class Certified(Peer):
    """One who holds a certificate of ours; that TLS proves it is tried over live ports."""

    def certified_addresses(self) -> tuple[str, ...]:
        return ("binhl", "stranger@elsewhere.vn", "ANNV@city.gov.vn")


class Bindable(Peer):
    """One whose connection has channel bindings."""

    can_bind = True


ISSUER = "https://sso.example"
KEY = Ed25519PrivateKey.generate()
JWK = OKPAlgorithm.to_jwk(KEY.public_key())


def token_for(address: str) -> str:
    claims = {"iss": ISSUER, "aud": "citymail", "exp": START + 300, "email": address}
    return jwt.encode(claims, KEY, algorithm="EdDSA")


def judge_of_tokens(clock: Clock) -> TokenJudge:
    return TokenJudge(
        issuer=ISSUER,
        audience="citymail",
        claim="email",
        read_keys=lambda: f'{{"keys": [{JWK}]}}'.encode(),
        clock=clock,
        monotonic=clock,
    )


def make_gate(directory: Directory, clock: Clock, **rules: Any) -> Gate:
    return Gate(
        directory,
        throttle=Throttle([], monotonic=clock),
        proven=ProvenLogins(600, monotonic=clock),
        rules=LoginRules(**{"scram": True, "secret": b"k" * 32, "tokens": judge_of_tokens(clock), **rules}),
    )


@pytest.fixture
def gate(city: City, clock: Clock) -> Gate:
    return make_gate(city.directory, clock)


@pytest.fixture
def an(city: City) -> Joined:
    with city.directory.write() as conn:
        joined = city.join(conn, "Nguyễn Văn An", password_hash=STORED)
        scram_verifiers.keep(conn, joined.account_id, STORED, VERIFIER)
    return joined


@pytest.fixture
def no_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    def hashing(stored: str | None, password: str) -> bool:
        raise AssertionError("a password was hashed")

    monkeypatch.setattr("directory.signing_in.login.verify_password", hashing)


def talk(gate: Gate, mechanism: str, peer: Peer, *answers: bytes | Callable[[bytes], bytes]) -> Admission:
    """A client that says these things one after the other; the first is its initial response."""
    exchange = gate.begin(mechanism, peer)
    assert exchange is not None
    first, *rest = answers
    assert isinstance(first, bytes)
    conversation = converse(gate, exchange, first, peer)
    said: Any = None
    refused: LoginRefused | None = None
    while True:
        try:
            step = conversation.throw(refused) if refused else conversation.send(said)
        except StopIteration as end:
            assert not rest
            admission: Admission = end.value
            return admission
        said = refused = None
        if isinstance(step, Challenge):
            answer = rest.pop(0)
            said = answer(step.octets) if callable(answer) else answer
        elif isinstance(step, Away):
            try:
                said = step.call()
            except LoginRefused as fault:
                refused = fault
        else:
            assert isinstance(step, Wait)


def scram(gate: Gate, login: str, password: str = PASSWORD, client: str = HERE, protocol: str = "imap") -> Admission:
    other = ScramClient(["SCRAM-SHA-256"], login, password)
    first = other.get_client_first()

    def final(challenge: bytes) -> bytes:
        other.set_server_first(challenge.decode())
        answer: str = other.get_client_final()
        return answer.encode()

    def end(challenge: bytes) -> bytes:
        other.set_server_final(challenge.decode())
        return b""

    return talk(gate, "SCRAM-SHA-256", Peer(client, protocol), first.encode(), final, end)


def refusal(attempt: Callable[[], object]) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught:
        attempt()
    return caught.value


# --- what is offered --------------------------------------------------------------------------------------------------


def test_what_is_offered_depends_on_the_rules_and_the_client(city: City, gate: Gate, clock: Clock) -> None:
    assert gate.mechanisms(Peer(HERE, "imap")) == ("PLAIN", "LOGIN", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2")
    assert "EXTERNAL" in gate.mechanisms(Certified(HERE, "imap"))
    bare = make_gate(city.directory, clock, scram=False, tokens=None)
    assert bare.mechanisms(Peer(HERE, "imap")) == ("PLAIN", "LOGIN")
    for name in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "OAUTHBEARER", "EXTERNAL", "CRAM-MD5", ""):
        assert bare.begin(name, Peer(HERE, "imap")) is None
    assert gate.begin("scram-sha-256", Peer(HERE, "imap")) is not None


# --- SCRAM ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_hashing")
def test_scram(city: City, gate: Gate, an: Joined) -> None:
    for login in ("annv", "ANNV@city.gov.vn"):
        admitted = scram(gate, login)
        assert (admitted.account.id, admitted.means) == (an.account_id, "scram")
    assert gate.still_holds(admitted) is not None
    with city.directory.write() as conn:
        account_changes.lock(conn, "test", an.account_id)
    assert refusal(lambda: scram(gate, "annv")).reason == "locked"
    assert refusal(lambda: scram(gate, "annv", "wrong")).reason == "credentials"


@pytest.mark.usefixtures("no_hashing")
def test_scram_tells_a_stranger_nothing(city: City, gate: Gate, an: Joined) -> None:
    with city.directory.write() as conn:
        bare = city.join(conn, "Lê Chưa Có")
    told = {
        (each.client_text, each.reason, each.delay)
        for each in (
            refusal(lambda: scram(gate, "nobody")),
            refusal(lambda: scram(gate, bare.login)),
            refusal(lambda: scram(gate, "nobody@elsewhere.vn")),
            refusal(lambda: scram(gate, "annv", "wrong")),
        )
    }
    assert told == {("Wrong login or password", "credentials", 1.0)}
    asked = {login: gate.verifier(login) for login in ("nobody", "nobody@city.gov.vn", "Nobody", "other", "annv")}
    assert asked["nobody"] == asked["nobody@city.gov.vn"] == asked["Nobody"] == gate.verifier("nobody")
    assert asked["nobody"].salt != asked["other"].salt
    assert {(len(each.salt), each.rounds) for each in asked.values()} == {(16, asked["annv"].rounds)}


@pytest.mark.usefixtures("no_hashing")
def test_scram_guesses_are_counted_as_any(gate: Gate, an: Joined, clock: Clock) -> None:
    for number in range(FREE_PER_PAIR + 1):
        assert refusal(lambda guess=number: scram(gate, "annv", f"guess {guess}")).reason == "credentials"  # type: ignore[misc]
    assert refusal(lambda: scram(gate, "annv")).reason == "throttled"
    assert refusal(lambda: gate.authenticate("annv", PASSWORD, HERE, "imap")).reason == "throttled"
    assert scram(gate, "annv", client=ELSEWHERE).account.id == an.account_id


def test_a_verifier_dies_with_its_password(city: City, gate: Gate, an: Joined) -> None:
    old = scram(gate, "annv")
    stored = hash_password("another one")
    with city.directory.write() as conn:
        account_changes.set_password(conn, "test", an.account_id, stored)
    assert gate.still_holds(old) is None
    for password in (PASSWORD, "another one"):
        assert refusal(lambda word=password: scram(gate, "annv", word)).reason == "credentials"  # type: ignore[misc]
    # the next password in the clear makes another
    gate.authenticate("annv", "another one", HERE, "imap")
    assert scram(gate, "annv", "another one").account.id == an.account_id
    with city.directory.write() as conn:
        found = scram_verifiers.find(conn, an.account_id, stored)
        assert found is not None
        assert found == make_verifier("another one", found.salt)
        account_changes.set_password(conn, "test", an.account_id, STORED, scram_verifier=VERIFIER)
    assert scram(gate, "annv").account.id == an.account_id


def test_where_scram_is_off_no_verifier_is_kept(city: City, an: Joined, clock: Clock) -> None:
    bare = make_gate(city.directory, clock, scram=False)
    tidy_up(city.directory, keeps_scram=True)
    with city.directory.read() as conn:
        assert scram_verifiers.any_kept(conn)
    tidy_up(city.directory, keeps_scram=False)
    bare.authenticate("annv", PASSWORD, HERE, "imap")
    with city.directory.read() as conn:
        assert not scram_verifiers.any_kept(conn)


def test_one_password_for_a_whole_demonstration(city: City, gate: Gate) -> None:
    with city.directory.write() as conn:
        both = [city.join(conn, name, password_hash=STORED) for name in ("Lê Một", "Lê Hai")]
        other = city.join(conn, "Lê Khác", password_hash=hash_password(PASSWORD))
        scram_verifiers.keep_for_shared(conn, STORED, VERIFIER)
    for each in both:
        assert scram(gate, each.login).account.id == each.account_id
    assert refusal(lambda: scram(gate, other.login)).reason == "credentials"


def test_a_last_word_after_the_proof_is_too_much(gate: Gate, an: Joined) -> None:
    other = ScramClient(["SCRAM-SHA-256"], "annv", PASSWORD)

    def final(challenge: bytes) -> bytes:
        other.set_server_first(challenge.decode())
        return str(other.get_client_final()).encode()

    with pytest.raises(SaslFault):
        talk(gate, "SCRAM-SHA-256", Peer(HERE, "imap"), other.get_client_first().encode(), final, b"more")


# --- app passwords ----------------------------------------------------------------------------------------------------


def make(city: City, joined: Joined, name: str = "Điện thoại", scope: str = "both") -> str:
    with city.directory.write() as conn:
        return app_passwords.add(conn, "test", joined.account_id, name, scope)[1]


@pytest.mark.usefixtures("no_hashing")
def test_an_app_password_opens_mail(city: City, gate: Gate, an: Joined, clock: Clock) -> None:
    text = make(city, an)
    peer = Peer(HERE, "imap")
    admitted = gate.judge(Credentials("", "annv", text), peer)
    assert (admitted.account.id, admitted.means) == (an.account_id, "app-password")
    # from then on in place, however it is typed
    for typed in (text, text.upper(), text.replace("-", " ")):
        assert gate.recall(Credentials("", an.login, typed), peer) is not None
    with city.directory.read() as conn:
        (used,) = app_passwords.listed(conn, an.account_id)
    assert (used.used_at, used.used_by, used.used_from) == (int(clock.now), "imap", HERE)
    # its use is noted again after a while, which is not done on an event loop
    clock.advance(700)
    assert gate.recall(Credentials("", an.login, text), peer) is None
    assert gate.judge(Credentials("", an.login, text), peer).account.id == an.account_id


def test_an_app_password_opens_nothing_else(city: City, gate: Gate, an: Joined) -> None:
    reading, sending = make(city, an, "Đọc", "imap"), make(city, an, "Gửi", "smtp")
    both, book = make(city, an), make(city, an, "Danh bạ", "ldap")
    for text, protocol in (
        *((reading, "smtp"), (sending, "imap"), (reading, "webmail"), (both, "webmail"), (both, "ldap")),
        *((book, "imap"), (book, "smtp"), (book, "webmail")),
    ):
        why = refusal(lambda word=text, way=protocol: gate.authenticate("annv", word, HERE, way))  # type: ignore[misc]
        assert why.reason == "credentials"
    assert gate.authenticate("annv", sending, ELSEWHERE, "smtp").id == an.account_id
    assert gate.authenticate("annv", book, ELSEWHERE, "ldap").id == an.account_id
    with city.directory.write() as conn:
        binh = city.join(conn, "Lê Bình", password_hash=STORED)
    assert refusal(lambda: gate.authenticate(binh.login, sending, HERE, "smtp")).reason == "credentials"


@pytest.mark.parametrize("end", ["revoke", "password", "lock", "leave"])
def test_an_app_password_ends(city: City, gate: Gate, an: Joined, end: str) -> None:
    text = make(city, an)
    admitted = gate.judge(Credentials("", "annv", text), Peer(HERE, "imap"))
    assert gate.still_holds(admitted) is not None
    with city.directory.write() as conn:
        if end == "revoke":
            app_passwords.revoke(conn, "test", an.account_id, "Điện thoại")
        elif end == "password":
            account_changes.set_password(conn, "test", an.account_id, STORED)
        elif end == "lock":
            account_changes.lock(conn, "test", an.account_id)
        else:
            leaving.leave(conn, "test", an.account_id, last_day="2026-03-01")
    assert gate.still_holds(admitted) is None
    assert gate.recall(Credentials("", "annv", text), Peer(HERE, "imap")) is None
    assert refusal(lambda: gate.authenticate("annv", text, HERE, "imap")).reason in ("credentials", "locked")
    assert city.directory.check_consistency() == []


def test_what_an_app_password_may_be_called(city: City, an: Joined) -> None:
    make(city, an)
    with city.directory.write() as conn:
        for name, scope in (("Điện thoại", "both"), ("", "both"), ("x" * 101, "both"), ("Máy", "webmail")):
            with pytest.raises(Fault):
                app_passwords.add(conn, "test", an.account_id, name, scope)
        for number in range(app_passwords.MOST - 1):
            app_passwords.add(conn, "test", an.account_id, f"Máy {number}")
        with pytest.raises(Fault):
            app_passwords.add(conn, "test", an.account_id, "Máy nữa")
        with pytest.raises(Fault):
            app_passwords.revoke(conn, "test", an.account_id, "không có")


def test_its_letters_are_kept_nowhere(city: City, an: Joined) -> None:
    text = make(city, an)
    letters = text.replace("-", "")
    with city.directory.read() as conn:
        for table in ("app_password", "audit_record"):
            rows = conn._open().exec_driver_sql(f"SELECT * FROM {table}").all()
            assert rows
            assert letters not in repr(rows)
            assert text not in repr(rows)


def test_on_postgresql(any_city: City, clock: Clock) -> None:
    gate = make_gate(any_city.directory, clock)
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", password_hash=STORED)
    text = make(any_city, an)
    assert gate.judge(Credentials("", "annv", text), Peer(HERE, "smtp")).means == "app-password"
    gate.authenticate("annv", PASSWORD, HERE, "imap")
    assert scram(gate, "annv").account.id == an.account_id
    with any_city.directory.write() as conn:
        app_passwords.note_use(conn, app_passwords.listed(conn, an.account_id)[0].id, "imap", ELSEWHERE)
        assert app_passwords.listed(conn, an.account_id)[0].used_from == ELSEWHERE
        account_changes.set_password(conn, "test", an.account_id, STORED)
        assert app_passwords.listed(conn, an.account_id) == []


# --- certificates and tokens ------------------------------------------------------------------------------------------


def test_a_certificate_opens_the_mailbox_of_its_address(city: City, gate: Gate, an: Joined) -> None:
    with city.directory.write() as conn:
        assert city.join(conn, "Lê Bình").login == "binhl@city.gov.vn"
    admitted = talk(gate, "EXTERNAL", Certified(HERE, "imap"), b"")
    assert (admitted.account.id, admitted.means) == (an.account_id, "certificate")
    assert talk(gate, "EXTERNAL", Certified(HERE, "smtp"), b"annv").account.id == an.account_id
    # another password changes nothing about it
    with city.directory.write() as conn:
        account_changes.set_password(conn, "test", an.account_id, None, must_change=True)
    assert gate.still_holds(admitted) is not None
    assert (
        refusal(lambda: talk(gate, "EXTERNAL", Certified(HERE, "imap"), b"binhl@city.gov.vn")).reason == "credentials"
    )
    with city.directory.write() as conn:
        account_changes.lock(conn, "test", an.account_id)
    assert refusal(lambda: talk(gate, "EXTERNAL", Certified(HERE, "imap"), b"")).reason == "locked"
    assert gate.still_holds(admitted) is None
    with city.directory.write() as conn:
        leaving.leave(conn, "test", an.account_id, last_day="2026-03-01")
    assert refusal(lambda: talk(gate, "EXTERNAL", Certified(HERE, "imap"), b"")).reason == "credentials"
    assert refusal(lambda: gate.judge(ExternalClaim(""), Peer(HERE, "imap"))).reason == "credentials"


def test_a_token_opens_the_mailbox_it_names(city: City, gate: Gate, an: Joined, clock: Clock) -> None:
    token = token_for("annv@city.gov.vn")
    message = f"n,a=annv@city.gov.vn,\x01host=x\x01auth=Bearer {token}\x01\x01".encode()
    admitted = talk(gate, "OAUTHBEARER", Peer(HERE, "imap"), message)
    assert (admitted.account.id, admitted.means) == (an.account_id, "token")
    assert gate.still_holds(admitted) is not None
    xoauth2 = f"user=annv@city.gov.vn\x01auth=Bearer {token}\x01\x01".encode()
    assert talk(gate, "XOAUTH2", Peer(HERE, "smtp"), xoauth2).account.id == an.account_id
    clock.advance(301)
    assert gate.still_holds(admitted) is None


@pytest.mark.parametrize(
    "token",
    ["forged", token_for("nobody@city.gov.vn"), token_for("annv"), token_for("annv@elsewhere.vn")],
    ids=["forged", "nobody", "no-address", "elsewhere"],
)
def test_a_token_that_does_not_count_is_answered_with_the_reason(gate: Gate, an: Joined, token: str) -> None:
    told: list[bytes] = []

    def acknowledge(challenge: bytes) -> bytes:
        told.append(challenge)
        return b"\x01"

    message = f"n,,\x01auth=Bearer {token}\x01\x01".encode()
    why = refusal(lambda: talk(gate, "OAUTHBEARER", Peer(HERE, "imap"), message, acknowledge))
    assert why.reason == "credentials"
    assert told
    assert b'"status": "invalid_token"' in told[0]


def test_a_token_is_for_one_person(city: City, gate: Gate, an: Joined) -> None:
    with city.directory.write() as conn:
        city.join(conn, "Lê Bình", password_hash=STORED)
    token = token_for("annv@city.gov.vn")
    message = f"n,a=binhl@city.gov.vn,\x01auth=Bearer {token}\x01\x01".encode()
    assert refusal(lambda: talk(gate, "OAUTHBEARER", Peer(HERE, "imap"), message)).reason == "credentials"


def test_binding_to_the_connection_is_offered_where_the_rules_say(city: City, clock: Clock) -> None:
    gate = make_gate(city.directory, clock, scram_plus=frozenset(("imap",)))
    for protocol, offered in (("imap", True), ("smtp", False)):
        peer = Bindable(HERE, protocol)
        assert ("SCRAM-SHA-256-PLUS" in gate.mechanisms(peer)) is offered
        assert "SCRAM-SHA-256" in gate.mechanisms(peer)
