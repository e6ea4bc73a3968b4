"""S/MIME at the sending door: signed, encrypted, refused; and what mail programs have protected themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from directory import tables
from directory.dkim import keys as dkim_keys
from directory.pki import correspondents
from directory.pki.certificates import ENCRYPTION, SIGNING, certificates_of, revoke
from directory.pki.trust import judging, trust_authority
from directory.staff import unit_changes, unit_types
from mailserver.delivery.protecting import CannotProtect, Obstacle, Protection
from mailserver.delivery.readers import Lack
from mailserver.message.headers import find_field, text_of
from mailserver.message.seven_bit import to_seven_bit
from mailserver.smtp.commands import MailCommand
from security.cms import Recipient, Signing, Verdict, encrypt, open_message, sign
from security.cms.algorithms import AES_256_GCM
from security.paths import State
from tests.directory.authorities import found_pki
from tests.directory.certified import certify, make
from tests.mailserver.delivery.test_delivery import items, webmail
from tests.mailserver.mailroom import mails
from tests.security.authority import making


def letter(*, author="an@city.vn", to="binh@city.vn", more="", text="Lương tháng này."):
    """As the webmail composes: the header in ASCII."""
    return (
        f"From: <{author}>\r\nTo: {to}\r\nSubject: Luong\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n{more}"
        "Message-ID: <1@city.vn>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    ).encode()


@pytest.fixture
def pki(office, tmp_path):
    return found_pki(office.directory, tmp_path / "pki")


@pytest.fixture
def keys(office, pki):
    """An, Bình and the unit's mailbox have certificates; Chi and Dũng have none."""
    return {name: certify(office.directory, pki, name) for name in ("an", "binh", "vanthu")}


def opened(office, octets, *keys):
    with office.directory.read() as people:
        now = datetime.fromtimestamp(people.now, UTC)
        return open_message(octets, at=now, now=now, judge=judging(people), keys=keys)


def refused(office, *recipients, **more):
    with pytest.raises(CannotProtect) as found:
        webmail(office, *recipients, **more)
    assert [mails(office.store, name) for name in ("an", "binh", "chi", "dung")] == [[]] * 4
    assert items(office) == []
    return found.value


def test_signed_it_is_believed_where_it_arrives(office, keys):
    wish = Protection(keys["an"].signer)
    webmail(office, "binh@city.vn", "x@far.example", octets=letter(), protection=wish, keep_sent=True)
    (arrived,) = mails(office.store, "binh")
    (sent,) = mails(office.store, "an", "Sent")
    for octets in (arrived, sent):
        found = opened(office, octets)
        assert (found.verdict, found.reason) == (Verdict.VALID, None)
        assert b"L=C6=B0=C6=A1ng" in bytes(found.entity.octets)  # RFC 8551 §3.1.3
        assert found.telling.encryption_certificate == keys["an"].decrypter.certificate


def test_encrypted_only_its_readers_and_its_writer_open_it(office, keys):
    wish = Protection(keys["an"].signer, encrypts=True)
    webmail(office, "binh@city.vn", octets=letter(), protection=wish, keep_sent=True)
    (arrived,) = mails(office.store, "binh")
    (sent,) = mails(office.store, "an", "Sent")
    assert b"Luong" not in arrived + sent
    assert text_of(arrived, "Subject") == "[...]"
    for octets, name in ((arrived, "binh"), (sent, "an")):
        found = opened(office, octets, keys[name].decrypter)
        assert found.verdict is Verdict.VALID
        assert "Lương tháng này".encode() in bytes(found.entity.octets)
        assert found.header is not None
        assert text_of(bytes(found.header.entity.octets), "Subject") == "Luong"
        assert found.layers[0].cipher is AES_256_GCM  # every certificate of ours says that it can
    assert opened(office, arrived, keys["vanthu"].decrypter).is_locked


def test_the_subject_stays_outside_where_the_city_wants_it_so(make_office, tmp_path):
    office = make_office(smime={"hide_subject": False})
    pki = found_pki(office.directory, tmp_path / "pki")
    keys = {name: certify(office.directory, pki, name) for name in ("an", "binh")}
    webmail(office, "binh@city.vn", octets=letter(), protection=Protection(keys["an"].signer, encrypts=True))
    (arrived,) = mails(office.store, "binh")
    assert text_of(arrived, "Subject") == "Luong"


def test_nobody_gets_it_when_one_cannot_read_it(office, keys):
    wish = Protection(keys["an"].signer, encrypts=True)
    both = letter(to="binh@city.vn, chi@city.vn")
    fault = refused(office, "binh@city.vn", "chi@city.vn", octets=both, protection=wish)
    assert (fault.obstacle, [(each.address, each.lack) for each in fault.readers]) == (
        Obstacle.READERS,
        [("chi@city.vn", Lack.NO_CERTIFICATE)],
    )


def test_a_group_is_everybody_in_it(office, pki, keys):
    wish = Protection(encrypts=True)
    webmail(office, "inner@city.vn", octets=letter(to="inner@city.vn"), protection=wish)
    for name in ("an", "binh"):
        (arrived,) = mails(office.store, name)
        assert opened(office, arrived, keys[name].decrypter).is_encrypted


def test_a_group_with_one_who_cannot_read_is_named_with_how_many(office, keys):
    fault = refused(
        office, "everyone@city.vn", octets=letter(to="everyone@city.vn"), protection=Protection(encrypts=True)
    )
    (group,) = fault.readers
    assert (group.address, group.lacking, group.count) == ("everyone@city.vn", 3, 5)  # chi, dung, and a guest outside


def test_a_revoked_certificate_is_not_encrypted_for(office, keys):
    with office.directory.write() as conn:
        revoke(conn, "test", [one for one in certificates_of(conn, "binh") if one.purpose == ENCRYPTION], "superseded")
    fault = refused(office, "binh@city.vn", octets=letter(), protection=Protection(encrypts=True))
    assert fault.readers[0].lack is Lack.NO_CERTIFICATE


def test_a_hidden_reader_would_be_seen_in_the_envelope(office, keys):
    bcc = letter(more="Bcc: vanthu@city.vn\r\n")
    fault = refused(office, "binh@city.vn", "vanthu@city.vn", octets=bcc, protection=Protection(encrypts=True))
    assert (fault.obstacle, fault.readers[0].address) == (Obstacle.HIDDEN, "vanthu@city.vn")
    webmail(
        office, "binh@city.vn", "vanthu@city.vn", octets=bcc, protection=Protection(keys["an"].signer), keep_sent=True
    )
    (arrived,) = mails(office.store, "vanthu")
    assert find_field(arrived, "Bcc") is None
    assert b"vanthu@" not in arrived.replace(b"for <vanthu@", b"").partition(b"\r\nFrom:")[2]
    assert opened(office, arrived).verdict is Verdict.VALID
    assert "vanthu" in (find_field(mails(office.store, "an", "Sent")[0], "Bcc") or "")


def test_who_has_no_certificate_does_not_write_what_he_could_not_read(office, pki):
    certify(office.directory, pki, "binh")
    fault = refused(office, "binh@city.vn", octets=letter(), protection=Protection(encrypts=True))
    assert fault.obstacle is Obstacle.OWN


def test_a_unit_writes_as_itself_and_both_can_read_the_copy(office, keys):
    wish = Protection(keys["vanthu"].signer, encrypts=True)
    octets = letter(author="vanthu@city.vn")
    webmail(office, "binh@city.vn", octets=octets, protection=wish, keep_sent=True)
    (sent,) = mails(office.store, "an", "Sent")
    for name in ("an", "binh", "vanthu"):
        found = opened(office, sent, keys[name].decrypter)
        assert (found.verdict, found.telling.addresses) == (Verdict.VALID, ("vanthu@city.vn",))


@pytest.mark.parametrize("wrong", ["another's", "revoked", "a stranger's"])
def test_a_signature_that_nobody_would_believe_is_not_made(office, pki, keys, wrong):
    signer = keys["an"].signer
    if wrong == "another's":
        signer = keys["vanthu"].signer
    elif wrong == "revoked":
        with office.directory.write() as conn:
            revoke(conn, "test", [one for one in certificates_of(conn, "an") if one.purpose == SIGNING], "superseded")
    else:
        signer = make(making.below(making.root("Elsewhere")), SIGNING, "an@city.vn", office.directory)
    fault = refused(office, "binh@city.vn", octets=letter(), protection=Protection(signer))
    assert fault.obstacle is Obstacle.SIGNER


def test_too_many_readers(make_office, tmp_path):
    office = make_office(smime={"most_recipients": 1})
    pki = found_pki(office.directory, tmp_path / "pki")
    for name in ("an", "binh"):
        certify(office.directory, pki, name)
    assert (
        refused(office, "binh@city.vn", octets=letter(), protection=Protection(encrypts=True)).obstacle
        is Obstacle.TOO_MANY
    )


def outsider(office, *, trusted=True, days=365):
    """Somebody outside, whose authority the city trusts (or not)."""
    now = datetime.fromtimestamp(office.now(), UTC) - timedelta(days=1)
    root = making.root(f"Partner {trusted}", now=now)
    key = make(making.below(root, now=now), ENCRYPTION, "khach@ngoai.example", office.directory, days=days)
    issuing = making.der(making.below(root, now=now).certificate)
    if trusted:
        with office.directory.write() as conn:
            trust_authority(conn, "test", making.der(root.certificate), lists_revocations=False)
    return key, issuing


def test_people_outside_are_those_whom_the_writer_has_confirmed(office, keys):
    key, _issuing = outsider(office)
    to_guest = letter(to="khach@ngoai.example")
    wish = Protection(keys["an"].signer, encrypts=True)
    assert refused(office, "khach@ngoai.example", octets=to_guest, protection=wish).obstacle is Obstacle.READERS
    with office.directory.write() as conn:
        correspondents.confirm(conn, "an", "Khach@Ngoai.example", key.certificate, companions=[_issuing])
    webmail(office, "khach@ngoai.example", octets=to_guest, protection=wish, keep_sent=True)
    (sent,) = mails(office.store, "an", "Sent")
    found = opened(office, sent, key)
    assert found.verdict is Verdict.VALID
    # binh has confirmed nobody
    with pytest.raises(CannotProtect):
        webmail(
            office,
            "khach@ngoai.example",
            name="binh",
            octets=letter(author="binh@city.vn", to="khach@ngoai.example"),
            protection=Protection(encrypts=True),
        )


def test_a_correspondent_whom_nobody_vouches_for_any_more(office, keys):
    key, issuing = outsider(office, trusted=False)
    with office.directory.write() as conn:
        correspondents.confirm(conn, "an", "khach@ngoai.example", key.certificate, companions=[issuing])
    fault = refused(
        office, "khach@ngoai.example", octets=letter(to="khach@ngoai.example"), protection=Protection(encrypts=True)
    )
    assert (fault.readers[0].lack, fault.readers[0].state) == (Lack.NOT_BELIEVED, State.UNKNOWN_AUTHORITY)


# -- what the city demands


def encrypted_by_a_program(keys, octets):
    recipients = [Recipient(keys["binh"].decrypter.certificate)]
    return b"".join(encrypt(octets, recipients, at=datetime.now(UTC), judge=lambda *_, **__: _Good()))


class _Good:
    good = True


def test_some_domains_are_written_to_in_no_other_way(make_office, tmp_path):
    office = make_office(smime={"must_encrypt_to": ("doitac.example",)})
    pki = found_pki(office.directory, tmp_path / "pki")
    keys = {name: certify(office.directory, pki, name) for name in ("an", "binh")}
    for address in ("x@doitac.example", "x@phong.DOITAC.example"):
        fault = refused(office, address, octets=letter(to=address), protection=Protection(keys["an"].signer))
        assert fault.obstacle is Obstacle.MUST
    # whatever program it comes from, and whatever it says of itself
    claims = letter(to="x@doitac.example").replace(b"text/plain", b"application/pkcs7-mime; smime-type=enveloped-data")
    assert refused(office, "x@doitac.example", octets=claims).obstacle is Obstacle.MUST
    webmail(office, "x@doitac.example", octets=encrypted_by_a_program(keys, letter(to="x@doitac.example")))
    webmail(office, "binh@city.vn", "x@doitac.example.com", octets=letter())
    report = letter(to="x@doitac.example").replace(b"text/plain", b"multipart/report; boundary=b")
    webmail(office, "x@doitac.example", octets=report, mail=MailCommand(""))


def test_some_units_write_in_no_other_way(make_office, tmp_path):
    office = make_office(smime={"must_encrypt_units": ("PCT",)})
    with office.directory.write() as conn:
        unit_types.define_type(conn, "test", "department", "Sở", "Department", "2000-01-01")
        bound = unit_changes.add_unit(
            conn, "test", name="Phòng Cơ yếu", short_name="PCT", type_code="department", valid_from="2000-01-01"
        )
        conn.execute(update(tables.account).where(tables.account.c.id == "an").values(unit_id=bound.id))
    assert refused(office, "binh@city.vn", octets=letter()).obstacle is Obstacle.MUST
    webmail(office, "an@city.vn", name="binh", octets=letter(author="binh@city.vn", to="an@city.vn"))


# -- what mail programs protect themselves


@pytest.mark.parametrize("form", ["clear", "opaque", "encrypted"])
def test_a_programs_own_protection_goes_through_to_the_octet(office, keys, form):
    with office.directory.write() as conn:
        for key in dkim_keys.make(conn, "test", "city.vn"):
            dkim_keys.activate(conn, "test", key.domain, key.selector, unseen=True)
    plain = letter(text="  Giữ nguyên.  \r\n-- \r\n. một dấu chấm")
    now = datetime.now(UTC)
    if form == "encrypted":
        octets = encrypted_by_a_program(keys, plain)
    else:
        signing = Signing([keys["an"].signer], now)
        octets = b"".join(sign(plain, signing, opaque=True) if form == "opaque" else sign(_seven(plain), signing))
    webmail(office, "binh@city.vn", "x@far.example", octets=octets)
    (arrived,) = mails(office.store, "binh")
    assert arrived.endswith(octets)
    (item,) = items(office)
    with office.store.read() as connection:
        goes_out = office.store.octets(connection, item.message_id)
    assert goes_out.endswith(octets)
    assert goes_out[: -len(octets)].count(b"DKIM-Signature:") == 2
    found = opened(office, arrived, keys["binh"].decrypter)
    assert found.is_encrypted if form == "encrypted" else found.verdict is Verdict.VALID


def _seven(octets):
    found = to_seven_bit(octets)
    assert found is not None
    return found
