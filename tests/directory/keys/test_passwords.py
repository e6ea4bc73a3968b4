"""What becomes of keys when a password is changed by its owner, or set by an administrator."""

from __future__ import annotations

import pytest

from directory.database import Directory
from directory.keys import pairs
from directory.keys.levels import SEALED
from directory.mail.account_changes import set_password
from security.keys.client import KeyProcess, Opened
from security.keys.wire import Refusal
from security.passwords import hash_password
from tests.directory.keys.conftest import PASSWORD, Staff
from tests.directory.keys.test_vault import encrypted_for, read_by, set_level

NEW = "chín con chim én xanh"


def change(staff: Staff, keys: KeyProcess, account_id: str, session: str, old: str, new: str) -> None:
    """As the webmail does."""
    wrapped = keys.rewrap(session, old, new)
    assert isinstance(wrapped, bytes), wrapped
    with staff.directory.write() as conn:
        set_password(conn, "test", account_id, hash_password(new), key_wrap=wrapped)


@pytest.mark.parametrize("level", ["sealed", "managed"])
def test_its_owner_changes_it_and_all_goes_on(staff: Staff, keys: KeyProcess, level: str) -> None:
    set_level(staff, "SYT", level)  # type: ignore[arg-type]
    person = staff.join()
    mail = encrypted_for(staff, person)
    session = staff.sign_in(person)
    assert keys.open(session, PASSWORD) == Opened(level)
    change(staff, keys, person, session, PASSWORD, NEW)
    after = staff.sign_in(person)
    if level == SEALED:
        assert keys.open(after, PASSWORD) is Refusal.WRONG_PASSWORD
    assert keys.open(after, NEW) == Opened(level)
    assert b"Noi dung." in read_by(keys, after, person, mail)  # type: ignore[operator]
    with staff.directory.read() as conn:
        row = pairs.find_pair(conn, person)
        assert row is not None
        assert (row.by_installation is None) == (level == SEALED)


def test_a_wrong_old_password_wraps_nothing(staff: Staff, keys: KeyProcess) -> None:
    set_level(staff, "SYT", SEALED)
    person = staff.join()
    session = staff.sign_in(person)
    keys.open(session, PASSWORD)
    assert keys.rewrap(session, "wrong", NEW) is Refusal.WRONG_PASSWORD
    assert keys.rewrap("made up", PASSWORD, NEW) is Refusal.SIGNED_OUT


def test_an_administrator_resets_it_and_managed_keys_follow(staff: Staff, keys: KeyProcess) -> None:
    person = staff.join()
    mail = encrypted_for(staff, person)
    keys.open(staff.sign_in(person), PASSWORD)
    before = wrapped(staff.directory, person)
    staff.set_password(person, NEW)
    session = staff.sign_in(person)
    assert keys.open(session, NEW) == Opened("managed")
    assert wrapped(staff.directory, person) != before
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]


def wrapped(directory: Directory, account_id: str) -> bytes | None:
    with directory.read() as conn:
        row = pairs.find_pair(conn, account_id)
        assert row is not None
        return row.by_password


def test_sealed_keys_stay_under_the_former_one_which_opens_them_once_more(staff: Staff, keys: KeyProcess) -> None:
    set_level(staff, "SYT", SEALED)
    person = staff.join()
    mail = encrypted_for(staff, person)
    keys.open(staff.sign_in(person), PASSWORD)
    staff.set_password(person, NEW)
    session = staff.sign_in(person)
    assert keys.open(session) == Opened(SEALED, Refusal.FORMER_PASSWORD)
    assert keys.open(session, NEW) == Opened(SEALED, Refusal.FORMER_PASSWORD)
    assert keys.decrypters(session, person) is Refusal.FORMER_PASSWORD
    assert keys.rewrap(session, NEW, "another one altogether") is Refusal.FORMER_PASSWORD
    # knowing the former one is not enough, nor is a wrong one beside today's
    assert keys.open(session, "wrong", PASSWORD) is Refusal.WRONG_PASSWORD
    assert keys.open(session, NEW, "wrong") is Refusal.WRONG_PASSWORD
    assert keys.open(session, NEW, PASSWORD) == Opened(SEALED)
    assert b"Noi dung." in read_by(keys, session, person, mail)  # type: ignore[operator]
    assert keys.open(staff.sign_in(person), NEW) == Opened(SEALED)


def test_another_hash_of_the_same_password_changes_nothing(staff: Staff, keys: KeyProcess) -> None:
    """As when a sign-in brings the hash up to date."""
    set_level(staff, "SYT", SEALED)
    person = staff.join()
    keys.open(staff.sign_in(person), PASSWORD)
    staff.set_password(person, PASSWORD)
    assert keys.open(staff.sign_in(person), PASSWORD) == Opened(SEALED)
    assert keys.open(staff.sign_in(person)) == Opened(SEALED, Refusal.LOCKED)


def test_its_owner_takes_a_decryption_key_along(staff: Staff, keys: KeyProcess) -> None:
    from cryptography.hazmat.primitives.serialization import pkcs12

    from directory.mail.accounts import find_account
    from directory.pki.certificates import ENCRYPTION, certificates_of
    from directory.record import entries

    set_level(staff, "SYT", SEALED)
    person, other = staff.join(), staff.join("Lê Thị Bình")
    keys.open(staff.sign_in(person), PASSWORD)
    with staff.directory.read() as conn:
        held = {one.purpose: one for one in certificates_of(conn, person)}
        theirs = certificates_of(conn, other)[0]
        owner = find_account(conn, person)
    assert owner is not None
    ours = held.pop(ENCRYPTION)
    phrase = "a passphrase of many words"
    packed = keys.export(owner.login, PASSWORD, "", ours.id, phrase)
    assert isinstance(packed, bytes)
    found = pkcs12.load_pkcs12(packed, phrase.encode())
    assert found.cert is not None
    assert found.key is not None
    assert found.key.public_key() == found.cert.certificate.public_key()
    assert len(found.additional_certs) == 2
    assert keys.export(owner.login, PASSWORD, "", ours.id, "short") is Refusal.NOT_DONE
    assert keys.export(owner.login, "wrong", "", ours.id, phrase) is Refusal.WRONG_PASSWORD
    assert keys.export("nobody@city.gov.vn", PASSWORD, "", ours.id, phrase) is Refusal.WRONG_PASSWORD
    assert keys.export(owner.login, PASSWORD, "", theirs.id, phrase) is Refusal.NO_KEY
    (signing,) = held.values()
    assert keys.export(owner.login, PASSWORD, "", signing.id, phrase) is Refusal.NOT_ALLOWED
    with staff.directory.read() as conn:
        assert [each.subject for each in entries(conn) if each.action == "certificate.export"] == [owner.login]
