"""Whom the city believes beside itself, what it takes in from others, and how it learns what they revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from directory.database import Directory
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.pki import certificates, enrolment, fetched_crls, trust
from directory.pki.certificates import ENCRYPTION, SIGNING
from directory.pki.fetched_crls import FetchFault
from directory.pki.key_files import import_brought
from security.authority import pkcs12
from security.authority.issuing import Issuer
from security.authority.key_kinds import KeyFault
from security.authority.profiles import Places
from security.authority.revocation_lists import Revoked
from security.paths import Purpose, State
from tests.directory.authorities import Pki, found_pki
from tests.directory.conftest import City, Clock, found_city
from tests.security.authority.making import below, crl, der, end, key, root

URL, ROOT_URL = "http://crl.other.example/issuing.crl", "http://crl.other.example/root.crl"
ADDRESS = "annv@city.gov.vn"


class Other:
    """Another authority, as the Government Cipher Committee's."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.root = root("Other Root", now=now)
        above = Issuer(self.root.certificate, self.root.key, Places((ROOT_URL,)))
        self.issuer = below(above, "Other Issuing", places=Places((URL,)), now=now)
        self.an = end(self.issuer, ADDRESS, now=now)
        self.lists = {URL: crl(self.issuer, now=now), ROOT_URL: crl(self.root, now=now)}
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.lists:
            raise FetchFault("404")
        return self.lists[url]


@pytest.fixture
def city(directory: Directory) -> City:
    return found_city(directory)


@pytest.fixture
def other(city: City, clock: Clock) -> Other:
    return Other(datetime.fromtimestamp(clock.now, UTC))


@pytest.fixture
def person(city: City) -> str:
    with city.directory.write() as conn:
        return city.join(conn, "Nguyễn Văn An").account_id


def believe(city: City, other: Other, **more: object) -> None:
    with city.directory.write() as conn:
        trust.trust_authority(conn, "test", der(other.root.certificate), **more)  # type: ignore[arg-type]
        trust.note_authority(conn, "test", der(other.issuer.certificate))


def judged(city: City, octets: bytes, **more: object) -> State:
    with city.directory.read() as conn:
        given = {"purpose": Purpose.SIGNING, "addresses": (ADDRESS,), **more}
        return trust.judge_certificate(conn, octets, **given).state  # type: ignore[arg-type]


def test_a_stranger_is_believed_once_his_authority_is(city: City, other: Other) -> None:
    octets = der(other.an)
    assert judged(city, octets) is State.UNKNOWN_AUTHORITY
    believe(city, other)
    assert judged(city, octets) is State.REVOCATION_UNKNOWN
    with city.directory.write() as conn:
        conn_urls = [url for url, _, _ in fetched_crls.list_fetched(conn)]
    assert conn_urls == [ROOT_URL]
    with city.directory.write() as conn:
        fetched_crls.want_crls(conn, octets)
    assert fetched_crls.refresh(city.directory, other.fetch) == [(URL, ""), (ROOT_URL, "")]
    city.directory.memory.clear()
    assert judged(city, octets) is State.VALID
    with city.directory.write() as conn:
        trust.distrust(conn, "test", "CN=Other Root,C=VN")
    assert judged(city, octets) is State.UNKNOWN_AUTHORITY


def test_anchors_are_for_what_they_are_trusted_with(city: City, other: Other) -> None:
    believe(city, other, purposes=[ENCRYPTION], domains=["@Gov.VN "], name="VGCA")
    assert judged(city, der(other.an)) is State.UNKNOWN_AUTHORITY
    with city.directory.read() as conn:
        (row,) = trust.list_anchors(conn)
    assert (row.name, row.purposes, row.domains) == ("VGCA", "encryption", "gov.vn")
    believe(city, other, domains=["other.vn"], lists_revocations=False)
    assert judged(city, der(other.an)) in (State.BROKEN, State.REVOCATION_UNKNOWN)
    with city.directory.write() as conn, pytest.raises(Fault):
        trust.trust_authority(conn, "test", der(other.an))
    with city.directory.write() as conn, pytest.raises(Fault):
        trust.trust_authority(conn, "test", b"nothing")
    with city.directory.write() as conn, pytest.raises(Fault):
        trust.distrust(conn, "test", "nobody")


def test_lists_of_others_are_taken_only_if_they_are_theirs_and_newer(city: City, other: Other, clock: Clock) -> None:
    believe(city, other)
    with city.directory.write() as conn:
        fetched_crls.want_crls(conn, der(other.an))
    fetched_crls.refresh(city.directory, other.fetch)
    assert fetched_crls.refresh(city.directory, other.fetch) == []  # not before an hour has passed
    gone = Revoked(other.an.serial_number, other.now + timedelta(days=1), "key-compromise")
    clock.advance(2 * 86_400)
    later = datetime.fromtimestamp(clock.now, UTC)
    other.lists[URL] = crl(Issuer(other.issuer.certificate, key("forger")), now=later, number=9)
    other.lists[ROOT_URL] = b"<html>"
    problems = dict(fetched_crls.refresh(city.directory, other.fetch))
    assert "nobody whom we know" in problems[URL]
    assert problems[ROOT_URL]
    city.directory.memory.clear()
    assert judged(city, der(other.an)) is State.VALID  # by what is here, until it ends
    other.lists[URL] = crl(other.issuer, gone, now=later, number=10)
    clock.advance(86_400)
    fetched_crls.refresh(city.directory, other.fetch)
    city.directory.memory.clear()
    assert judged(city, der(other.an)) is State.REVOKED
    assert judged(city, der(other.an), moment=int(other.now.timestamp()) + 60) is State.REVOKED_SINCE
    # an old list, replayed, brings nobody back
    other.lists[URL] = crl(other.issuer, now=other.now, number=1)
    clock.advance(86_400)
    fetched_crls.refresh(city.directory, other.fetch)
    city.directory.memory.clear()
    assert judged(city, der(other.an)) is State.REVOKED


def test_what_a_strangers_certificate_names_is_not_followed(city: City, other: Other) -> None:
    believe(city, other)
    judged(city, der(other.an))
    with city.directory.read() as conn:
        assert URL not in [url for url, _, _ in fetched_crls.list_fetched(conn)]


def test_a_certificate_of_anothers_is_taken_in_for_whom_it_names(city: City, other: Other, person: str) -> None:
    octets = der(other.an)
    with city.directory.write() as conn, pytest.raises(Fault, match="vouches"):
        trust.import_certificate(conn, "test", octets)
    believe(city, other)
    with city.directory.write() as conn:
        (taken,) = trust.import_certificate(conn, "test", octets)
        assert (taken.account_id, taken.purpose, taken.issuer_id, taken.key_id) == (person, SIGNING, None, None)
        with pytest.raises(Fault, match="already"):
            trust.import_certificate(conn, "test", octets)
    with city.directory.write() as conn, pytest.raises(Fault, match="nobody here"):
        trust.import_certificate(conn, "test", der(end(other.issuer, "khac@x.vn", now=other.now)))
    with city.directory.read() as conn:
        assert certificates.published(conn, [person]) == {person: [octets]}


def test_keys_come_in_in_pkcs12(city: City, other: Other, person: str, tmp_path: Path) -> None:
    pki: Pki = found_pki(city.directory, tmp_path / "pki")
    believe(city, other)
    packed = pkcs12.write("an", key("end"), other.an, [der(other.issuer.certificate)], "a long passphrase")
    with pytest.raises(KeyFault):
        pki.keys.take(person, packed, "a wrong passphrase")
    brought = pki.keys.take(person, packed, "a long passphrase")
    with city.directory.write() as conn:
        owner = find_account(conn, person)
        assert owner is not None
        (taken,) = import_brought(conn, "test", owner, brought)
        assert (taken.der, taken.purpose, taken.key_id) == (der(other.an), SIGNING, brought.signing.key_id)
        with pytest.raises(Fault, match="already"):
            import_brought(conn, "test", owner, brought)


def test_our_own_are_believed_by_the_register_whatever_the_lists_say(
    city: City, person: str, tmp_path: Path, clock: Clock
) -> None:
    pki = found_pki(city.directory, tmp_path / "pki")
    enrolment.enrol(city.directory, pki.open(city.directory), person)
    with city.directory.read() as conn:
        (one,) = certificates.holding(conn, person, SIGNING)
    assert judged(city, one.der) is State.VALID  # though no list was ever made
    before = int(clock.now)
    clock.advance(60)
    with city.directory.write() as conn:
        certificates.revoke(conn, "test", [one], "superseded")
    assert judged(city, one.der) is State.REVOKED
    assert judged(city, one.der, moment=before) is State.REVOKED_SINCE
    assert judged(city, one.der, moment=before, addresses=("khac@x.vn",)) is State.ADDRESS_MISMATCH
