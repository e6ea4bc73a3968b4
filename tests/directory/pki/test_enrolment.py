"""Who gets certificates, when others take their place, and when they are taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select, update

from directory import record
from directory.database import Directory
from directory.faults import Fault
from directory.keys import pairs
from directory.mail import aliases, mailboxes
from directory.pki import certificates, enrolment, issuers
from directory.pki.certificates import ACTIVE, ENCRYPTION, EXPIRED, REVOKED, SIGNING, SUPERSEDED, Certificate
from directory.staff import provisioning
from directory.tables import account, private_key
from directory.words.names import split_name
from security.authority.key_kinds import unpack
from security.keys.sealing import Pair
from security.keys.wrapping import WrappingFault, new_key
from tests.directory.authorities import Pki, add_issuer, found_pki
from tests.directory.conftest import City, Clock

DAY = issuers.DAY


@pytest.fixture
def pki(city: City, tmp_path: Path) -> Pki:
    return found_pki(city.directory, tmp_path / "pki")


@pytest.fixture
def any_pki(any_city: City, tmp_path: Path) -> Pki:
    return found_pki(any_city.directory, tmp_path / "pki")


def join(city: City, name: str = "Nguyễn Văn An") -> str:
    with city.directory.write() as conn:
        return city.join(conn, name).account_id


def reconcile(city: City, pki: Pki) -> enrolment.Tally:
    return enrolment.reconcile(city.directory, pki.open(city.directory))


def owned(directory: Directory, account_id: str, purpose: str = "") -> list[Certificate]:
    with directory.read() as conn:
        return [one for one in certificates.certificates_of(conn, account_id) if purpose in ("", one.purpose)]


def states(directory: Directory, account_id: str, purpose: str) -> list[str]:
    return [one.state for one in owned(directory, account_id, purpose)]


def pair_of(directory: Directory, pki: Pki, account_id: str) -> Pair:
    with directory.read() as conn:
        row = pairs.find_pair(conn, account_id)
    assert row is not None
    assert row.by_installation is not None
    return pairs.unwrap(pki.installation, account_id, row.by_installation)


def secret_of(directory: Directory, pki: Pki, one: Certificate) -> bytes | None:
    with directory.read() as conn:
        sealed = conn.execute(select(private_key.c.wrapped).where(private_key.c.id == one.key_id)).scalar_one()
    if sealed is None:
        return None
    assert one.account_id is not None
    assert one.key_id is not None
    return pair_of(directory, pki, one.account_id).open(sealed, one.account_id, one.key_id, one.purpose)


def test_everybody_gets_a_certificate_to_sign_with_and_one_to_be_written_to(any_city: City, any_pki: Pki) -> None:
    directory = any_city.directory
    person = join(any_city)
    with directory.write() as conn:
        unit = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=any_city.units["SYT"]
        )
    tally = reconcile(any_city, any_pki)
    assert (tally.issued, tally.revoked) == (4, 0)
    for account_id, address in ((person, "annv@city.gov.vn"), (unit.id, "vanthu.syt@city.gov.vn")):
        with directory.read() as conn:
            assert len(certificates.published(conn, [account_id])[account_id]) == 2
            found = certificates.encryption_certificate(conn, address.upper())
            assert found is not None
            assert (found.account_id, found.purpose) == (account_id, ENCRYPTION)
            assert [one.purpose for one in certificates.holding(conn, account_id, SIGNING)] == [SIGNING]
    read = x509.load_der_x509_certificate(owned(directory, person, SIGNING)[0].der)
    assert "CN=Nguyễn Văn An" in read.subject.rfc4514_string()
    assert "OU=Sở Y tế" in read.subject.rfc4514_string()


def test_a_second_reconciliation_finds_nothing_to_do(city: City, pki: Pki) -> None:
    join(city)
    reconcile(city, pki)
    tally = reconcile(city, pki)
    assert (tally.accounts, tally.issued, tally.revoked, tally.expired) == (1, 0, 0, 0)


def test_what_was_stopped_goes_on_where_it_was(any_city: City, any_pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment, "_LOT", 2)
    directory = any_city.directory
    for number in range(5):
        join(any_city, f"Trần Thị Bình {chr(65 + number)}")
    certifier = any_pki.open(directory)
    begun = enrolment.reconcile(directory, certifier, is_over=lambda: True)
    assert (begun.issued, bool(begun.reached)) == (4, True)
    second = enrolment.reconcile(directory, certifier, after=begun.reached, is_over=lambda: True)
    assert (second.accounts, second.issued) == (2, 4)
    seen: list[int] = []
    rest = enrolment.reconcile(directory, certifier, told=lambda tally: seen.append(tally.accounts), threads=2)
    assert (rest.issued, rest.reached) == (2, "")
    assert seen == [2, 4, 5]


def test_newcomers_and_leavers_are_found_without_going_through_everybody(any_city: City, any_pki: Pki) -> None:
    directory = any_city.directory
    stayed = join(any_city)
    left = join(any_city, "Lê Thị Chi")
    reconcile(any_city, any_pki)
    came = join(any_city, "Phạm Văn Dũng")
    with directory.write() as conn:
        conn.execute(update(account).where(account.c.id == left).values(status="closed", closed_at=conn.now))
        provisioning.rename(conn, "test", stayed, split_name("Nguyễn Văn Anh"))
    tally = enrolment.reconcile(directory, any_pki.open(directory), urgent_only=True)
    assert (tally.accounts, tally.issued, tally.revoked) == (2, 2, 2)
    assert states(directory, came, SIGNING) == [ACTIVE]
    assert states(directory, left, SIGNING) == [REVOKED]


def test_who_is_locked_keeps_what_he_has_and_gets_nothing(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    with directory.write() as conn:
        conn.execute(update(account).where(account.c.id == person).values(status="locked"))
    assert reconcile(city, pki).issued == 0
    with directory.write() as conn:
        certificates.revoke(conn, "test", certificates.certificates_of(conn, person), "key-compromise")
    tally = enrolment.reconcile(directory, pki.open(directory), urgent_only=True)
    assert (tally.accounts, tally.issued) == (0, 0)
    with pytest.raises(Fault):
        enrolment.enrol(directory, pki.open(directory), person)


def test_one_who_cannot_be_certified_keeps_nobody_from_it(
    city: City, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = city.directory
    odd = join(city)
    join(city, "Lê Thị Chi")
    with directory.write() as conn:
        conn.execute(update(account).where(account.c.id == odd).values(login="@"))
    said: list[str] = []
    tally = enrolment.reconcile(
        directory, pki.open(directory), complain=lambda form, *values: said.append(form % values)
    )
    assert (tally.issued, tally.failed) == (2, 2)
    assert "no certificate can be made for @" in said[0]


def test_private_keys_are_wrapped_for_their_account_and_use(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    for one in owned(directory, person):
        secret = secret_of(directory, pki, one)
        assert secret is not None
        assert unpack(secret).public_key() == x509.load_der_x509_certificate(one.der).public_key()
    signing, encryption = owned(directory, person, SIGNING)[0], owned(directory, person, ENCRYPTION)[0]
    with directory.read() as conn:
        sealed = conn.execute(select(private_key.c.wrapped).where(private_key.c.id == signing.key_id)).scalar_one()
        row = pairs.find_pair(conn, person)
    assert signing.key_id is not None
    assert row is not None
    assert row.by_installation is not None
    with pytest.raises(WrappingFault):
        pair_of(directory, pki, person).open(sealed, person, signing.key_id, ENCRYPTION)
    with pytest.raises(WrappingFault):
        pairs.unwrap(pki.installation, "another", row.by_installation)
    with pytest.raises(WrappingFault):
        pairs.unwrap(new_key(), person, row.by_installation)
    assert signing.key_id != encryption.key_id


def test_a_leavers_certificates_are_revoked_and_his_old_mail_stays_readable(any_city: City, any_pki: Pki) -> None:
    directory = any_city.directory
    person = join(any_city)
    reconcile(any_city, any_pki)
    with directory.write() as conn:
        conn.execute(update(account).where(account.c.id == person).values(status="closed", closed_at=conn.now))
    tally = reconcile(any_city, any_pki)
    assert (tally.issued, tally.revoked) == (0, 2)
    signing, encryption = owned(directory, person, SIGNING)[0], owned(directory, person, ENCRYPTION)[0]
    assert (signing.state, signing.revocation_reason) == (REVOKED, "cessation-of-operation")
    assert encryption.state == REVOKED
    assert secret_of(directory, any_pki, signing) is None  # nobody signs as him any more
    assert secret_of(directory, any_pki, encryption) is not None
    with directory.read() as conn:
        assert certificates.published(conn, [person]) == {}
        assert certificates.encryption_certificate(conn, "annv@city.gov.vn") is None
        past = certificates.encryption_certificate(conn, "annv@city.gov.vn", conn.now - 1)
        assert past is not None
        assert past.id == encryption.id
    assert reconcile(any_city, any_pki).revoked == 0


def test_leavers_are_taken_back_without_anybodys_key(city: City, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment, "_LOT", 2)
    directory = city.directory
    people = [join(city, f"Trần Thị Bình {chr(65 + number)}") for number in range(3)]
    reconcile(city, pki)
    with directory.write() as conn:
        conn.execute(update(account).where(account.c.id.in_(people[:2])).values(status="closed"))
    assert enrolment.take_back(directory) == 4
    assert enrolment.take_back(directory) == 0
    assert [states(directory, person, SIGNING) for person in people] == [[REVOKED], [REVOKED], [ACTIVE]]


def test_whoever_is_renamed_signs_under_the_new_name_only(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    with directory.write() as conn:
        provisioning.rename(conn, "test", person, split_name("Nguyễn Văn Anh"))
    assert reconcile(city, pki).issued == 2
    assert states(directory, person, SIGNING) == [ACTIVE, REVOKED]
    new, old = owned(directory, person, SIGNING)
    assert old.revocation_reason == "affiliation-changed"
    assert "CN=Nguyễn Văn Anh" in new.subject


def test_a_further_address_is_added_by_another_certificate_and_nothing_is_revoked(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    with directory.write() as conn:
        aliases.add_alias(conn, "test", "van.an@city.gov.vn", "annv@city.gov.vn")
    assert reconcile(city, pki).issued == 2
    assert states(directory, person, SIGNING) == [ACTIVE, SUPERSEDED]
    old = owned(directory, person, SIGNING)[1]
    assert secret_of(directory, pki, old) is None
    with directory.read() as conn:
        found = certificates.encryption_certificate(conn, "van.an@city.gov.vn")
        assert found is not None
        assert found.account_id == person


def test_certificates_are_renewed_before_they_end(city: City, pki: Pki, clock: Clock) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    clock.advance((pki.practice.days - pki.practice.renew_days - 1) * DAY)
    assert reconcile(city, pki).issued == 0
    clock.advance(2 * DAY)
    assert reconcile(city, pki).issued == 2
    assert states(directory, person, ENCRYPTION) == [ACTIVE, SUPERSEDED]
    clock.advance(pki.practice.renew_days * DAY)
    assert reconcile(city, pki).expired == 2
    assert states(directory, person, ENCRYPTION) == [ACTIVE, EXPIRED]
    old = owned(directory, person, ENCRYPTION)[1]
    assert secret_of(directory, pki, old) is not None  # mail of those years can still be read


def test_towards_its_issuers_end_a_certificate_is_not_made_again_and_again(city: City, pki: Pki, clock: Clock) -> None:
    join(city)
    reconcile(city, pki)
    clock.advance((3650 - 30) * DAY)
    assert reconcile(city, pki).issued == 2
    assert reconcile(city, pki).issued == 0


def test_another_issuer_takes_over_from_the_one_before(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    add_issuer(pki, directory, "second", "p384", number=2)
    assert reconcile(city, pki).issued == 2
    new, old = owned(directory, person, SIGNING)
    assert new.issuer_id != old.issuer_id
    assert old.state == SUPERSEDED


def test_what_changed_while_keys_were_made_is_left_for_the_next_time(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    certifier = pki.open(directory)
    with directory.read() as conn:
        wanted = list(enrolment.orders(conn, enrolment._holders(conn, "", False), certifier))
    made = [enrolment.make(directory, certifier, order) for order in wanted]
    with directory.write() as conn:
        provisioning.rename(conn, "test", person, split_name("Nguyễn Văn Anh"))
    with directory.write() as conn:
        assert enrolment.keep(conn, "test", certifier, made) == 0
        assert conn.execute(select(private_key)).first() is None
    assert reconcile(city, pki).issued == 2


def test_two_at_once_give_nobody_two(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    certifier = pki.open(directory)
    with directory.read() as conn:
        wanted = list(enrolment.orders(conn, enrolment._holders(conn, "", False), certifier))
    made = [[enrolment.make(directory, certifier, order) for order in wanted] for _ in range(2)]
    for lot in made:
        with directory.write() as conn:
            enrolment.keep(conn, "test", certifier, lot)
    assert states(directory, person, SIGNING) == [ACTIVE]


def test_one_account_is_enrolled_at_once_and_anew_when_asked(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    certifier = pki.open(directory)
    assert enrolment.enrol(directory, certifier, person) == 2
    assert enrolment.enrol(directory, certifier, person) == 0
    assert enrolment.enrol(directory, certifier, person, anew=True) == 2
    with pytest.raises(Fault):
        enrolment.enrol(directory, certifier, "nobody")


def test_every_act_is_in_the_record(city: City, pki: Pki) -> None:
    directory = city.directory
    person = join(city)
    reconcile(city, pki)
    with directory.write(reason="mất điện thoại") as conn:
        certificates.revoke(conn, "cli:root", certificates.certificates_of(conn, person), "key-compromise")
    with directory.read() as conn:
        told = list(record.search(conn, action="certificate"))
    assert [entry.action for entry in told] == ["certificate.revoke"] * 2 + ["certificate.issue"] * 2
    assert {entry.subject for entry in told} == {"annv@city.gov.vn"}
    details = json.loads(told[0].details)
    assert (details["why"], details["reason"]) == ("key-compromise", "mất điện thoại")


def test_a_certificate_is_found_by_number_and_print(any_city: City, any_pki: Pki) -> None:
    directory = any_city.directory
    person = join(any_city)
    reconcile(any_city, any_pki)
    one = owned(directory, person)[0]
    with directory.read() as conn:
        for key in (one.id, one.serial, one.fingerprint, one.fingerprint.upper()):
            assert [found.id for found in certificates.find_certificates(conn, key)] == [one.id]
        with pytest.raises(Fault):
            certificates.find_certificates(conn, "00")
    until = datetime.fromtimestamp(one.not_after, UTC)
    assert until == x509.load_der_x509_certificate(one.der).not_valid_after_utc
