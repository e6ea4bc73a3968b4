"""What leaves is signed where it is taken: ours with DKIM, a stranger's with ARC, and nothing that stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from directory.database import open_directory
from directory.dkim import keys as dkim_keys
from directory.mail import domains
from directory.mail.accounts import find_account
from mailserver.delivery import checks, inbound, signing, spool, submission
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.submission import Submission
from mailserver.delivery.trace import trace_fields, without_return_path
from mailserver.delivery.verdict import judge
from mailserver.smtp.commands import MailCommand, RcptCommand
from security.arc import ArcResult, seal, validate
from security.dkim import read_message, sign, verify
from security.dns import Status
from tests.dns_table import DnsTable
from tests.mailserver.mailroom import mails, make_config
from tests.security.keyring import record, signer
from tests.security.keyring import zone as zone_of

MESSAGE = (
    b"From: An <an@city.vn>\r\nTo: ban@ngoai.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\n"
    b"Message-ID: <m1@city.vn>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\nbody  with blanks \r\n\r\n"
)
ORIGIN = Origin("192.0.2.9", "mx.xa.example", "ESMTP")
EIGHT_BIT = MESSAGE.replace(b"body", "thân thư".encode())


@pytest.fixture(scope="module")
def signing_city(city_template, tmp_path_factory):
    """The staffed directory with a key of each kind: made once, since that takes long."""
    path = tmp_path_factory.mktemp("signing") / "directory.db"
    shutil.copy(city_template, path)
    directory = open_directory(f"sqlite:///{path}")
    with directory.write() as conn:
        for key in dkim_keys.make(conn, "test", "city.vn"):
            dkim_keys.activate(conn, "test", "city.vn", key.selector, unseen=True)
    directory.close()
    return path


@pytest.fixture
def office(make_store, signing_city, tmp_path, clock):
    shutil.copy(signing_city, tmp_path / "directory.db")
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}", clock=clock, notice_within=0.0)
    store = make_store(tmp_path, clock=clock)
    yield PostOffice(store=store, directory=directory, config=make_config(tmp_path), clock=clock, random=lambda: 0.5)
    directory.close()


def zone(office) -> DnsTable:
    with office.directory.read() as conn:
        return DnsTable({(key.name, "TXT"): [key.record.encode()] for key in dkim_keys.list_keys(conn)})


def submit(office, *recipients, octets=MESSAGE, **more):
    with office.directory.read() as people:
        submitter = find_account(people, "an")
    order = Submission(
        submitter=submitter,
        reverse_path="an@city.vn",
        forward_paths=recipients,
        octets=octets,
        origin="webmail",
        client="192.0.2.1",
        **more,
    )
    return submission.submit(office, order).result()


def as_relayed(office) -> list[bytes]:
    """What the relay sends, octet for octet."""
    with office.store.read() as connection:
        items = spool.load_items(connection)
        return [without_return_path(office.store.octets(connection, item.message_id)) for item in items]


def results(office, octets) -> list[tuple[str, str]]:
    found = zone(office).run(verify(read_message(octets), office.now()))
    return [(one.status, one.algorithm) for one in found]


BOTH = [("pass", "rsa-sha256"), ("pass", "ed25519-sha256")]


def test_mail_to_others_is_signed_with_both_keys(office):
    submit(office, "ban@ngoai.example", "binh@city.vn")
    (sent,) = as_relayed(office)
    assert sent.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")
    assert sent.endswith(MESSAGE)
    assert results(office, sent) == BOTH
    (kept,) = mails(office.store, "binh")
    assert kept.startswith(b"Return-Path: <an@city.vn>\r\nDKIM-Signature:")
    assert results(office, kept) == BOTH


def test_what_stays_is_not_signed(office):
    submit(office, "binh@city.vn", "inner@city.vn")
    assert b"DKIM-Signature" not in mails(office.store, "binh")[0]


@pytest.mark.parametrize("recipient", ["everyone@city.vn", "ngoai@city.vn"])
def test_a_group_or_alias_that_leads_outside_carries_the_authors_signature(office, recipient):
    submit(office, recipient)
    (sent,) = as_relayed(office)
    assert results(office, sent) == BOTH


def test_date_and_message_id_are_added_before_and_bcc_is_gone(office):
    bare = b"From: an@city.vn\r\nBcc: dung@city.vn\r\nSubject: x\r\n\r\nbody\r\n"
    submit(office, "ban@ngoai.example", octets=bare, keep_sent=True)
    (sent,) = as_relayed(office)
    assert results(office, sent) == BOTH
    assert b"Bcc:" not in sent
    kept = mails(office.store, "an", "Sent")
    assert b"Bcc: dung@city.vn" in kept[0]


def test_a_large_message_in_a_file_is_signed(office):
    octets = MESSAGE + b"0123456789abcdef" * 4 + b"\r\n"
    octets += b"".join(b"%070d\r\n" % number for number in range(9000))
    path = office.incoming / "large"
    path.write_bytes(octets)
    submit(office, "ban@ngoai.example", octets=path)
    (sent,) = as_relayed(office)
    assert sent.endswith(octets[-100_000:])
    assert results(office, sent) == BOTH
    assert list(office.incoming.iterdir()) == []


@pytest.mark.parametrize("in_file", [False, True])
def test_eight_bits_are_encoded_before_the_signature(office, in_file):
    octets = EIGHT_BIT + b"x" * 70 + b"\r\n"
    if in_file:
        octets += (b"y" * 70 + b"\r\n") * 6000
    given: bytes | Path = octets
    if in_file:
        given = office.incoming / "eight"
        given.write_bytes(octets)
    submit(office, "ban@ngoai.example", octets=given, mail=MailCommand("an@city.vn", body="8BITMIME"))
    (sent,) = as_relayed(office)
    assert sent.isascii()
    assert b"th=C3=A2n th=C6=B0" in sent
    assert results(office, sent) == BOTH
    with office.store.read() as connection:
        (item,) = spool.load_items(connection)
    assert not item.envelope.eight_bit
    assert list(office.incoming.iterdir()) == []


def test_what_others_signed_is_not_encoded_anew(office):
    """S/MIME: its own signature counts more than that a very old relay takes it."""
    octets = (
        b"From: an@city.vn\r\nDate: x\r\nMessage-ID: <a@b>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n\r\n'
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + "thư\r\n".encode()
        + b"--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n"
    )
    submit(office, "ban@ngoai.example", octets=octets)
    (sent,) = as_relayed(office)
    assert sent.endswith(octets)
    assert results(office, sent) == BOTH


def test_long_lines_are_encoded_before_the_signature(office):
    submit(office, "ban@ngoai.example", octets=MESSAGE.replace(b"8bit", b"7bit") + b"x" * 2000 + b"\r\n")
    (sent,) = as_relayed(office)
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    assert results(office, sent) == BOTH


@pytest.mark.parametrize("odd", [b"a\rb\r\n", b"a\nb\r\n", b"a\0b\r\n"])
@pytest.mark.parametrize("in_file", [False, True])
def test_what_only_binary_transport_takes_is_encoded_before_the_signature(office, odd, in_file):
    octets = MESSAGE.replace(b"8bit", b"binary").replace(b"text/plain", b"application/x") + odd
    octets += b"z" * 70 + b"\r\n" if not in_file else (b"z" * 70 + b"\r\n") * 6000
    given: bytes | Path = octets
    if in_file:
        given = office.incoming / "binary"
        given.write_bytes(octets)
    submit(office, "ban@ngoai.example", octets=given, mail=MailCommand("an@city.vn", body="BINARYMIME"))
    (sent,) = as_relayed(office)
    assert b"Content-Transfer-Encoding: base64" in sent
    assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
    assert results(office, sent) == BOTH


def test_mail_that_goes_later_is_signed_for_then(office):
    mail = MailCommand("an@city.vn", hold_for=20 * 86_400)
    submit(office, "ban@ngoai.example", "binh@city.vn", mail=mail, rcpts=(RcptCommand("ban@ngoai.example"),))
    (sent,) = as_relayed(office)
    later = zone(office).run(verify(read_message(sent), office.now() + 21 * 86_400))
    assert [one.status for one in later] == ["pass", "pass"]


def test_without_keys_mail_goes_unsigned_and_as_it_was(office):
    with office.directory.write() as conn:
        for key in dkim_keys.list_keys(conn):
            dkim_keys.retire(conn, "test", key.domain, key.selector)
    submit(office, "ban@ngoai.example", octets=EIGHT_BIT)
    (sent,) = as_relayed(office)
    assert b"DKIM-Signature" not in sent
    assert sent.endswith(EIGHT_BIT)


def test_a_retired_key_does_not_sign(office):
    with office.directory.write() as conn:
        ed25519 = next(key for key in dkim_keys.list_keys(conn) if key.kind == "ed25519")
        dkim_keys.retire(conn, "test", ed25519.domain, ed25519.selector)
    submit(office, "ban@ngoai.example")
    assert results(office, as_relayed(office)[0]) == BOTH[:1]


@pytest.mark.parametrize(
    "author",
    [
        b"From: Boss <boss@elsewhere.example>\r\n",
        b"From: an@city.vn, boss@elsewhere.example\r\n",
        b"From: an@city.vn\r\nFrom: boss@elsewhere.example\r\n",
        b"From: nobody\r\n",
        b"",
    ],
)
def test_nobody_elses_domain_is_signed(office, author):
    octets = author + b"Subject: x\r\n\r\nbody\r\n"
    assert signing.sign_ours(office, octets, at=office.now()) == signing.Signed(octets)


def test_a_unit_with_keys_of_its_own(office):
    with office.directory.write() as conn:
        domains.add_domain(conn, "test", "soyte.city.vn")
    message = MESSAGE.replace(b"an@city.vn", b"an@SoYTe.city.vn")

    def signer() -> set[str]:
        signed = signing.sign_ours(office, message, at=office.now())
        found = zone(office).run(verify(read_message(signed.fields + message), office.now()))
        assert {one.status for one in found} == {"pass"}
        return {one.domain for one in found}

    assert signer() == {"city.vn"}
    with office.directory.write() as conn:
        for key in dkim_keys.make(conn, "test", "soyte.city.vn"):
            dkim_keys.activate(conn, "test", key.domain, key.selector, unseen=True)
    assert signer() == {"soyte.city.vn"}


def test_an_internationalised_domain(office):
    with office.directory.write() as conn:
        domains.add_domain(conn, "test", "thànhphố.vn")
        for key in dkim_keys.make(conn, "test", "thànhphố.vn", ("ed25519",)):
            dkim_keys.activate(conn, "test", key.domain, key.selector, unseen=True)
    message = MESSAGE.replace(b"an@city.vn", "an@ThànhPhố.vn".encode())
    signed = signing.sign_ours(office, message, at=office.now())
    (result,) = zone(office).run(verify(read_message(signed.fields + message), office.now()))
    assert (result.status, result.domain) == ("pass", "xn--thnhph-jta8342d.vn")


def test_a_message_whose_header_no_signature_holds_for_goes_unsigned(office):
    octets = MESSAGE.replace(b"Subject: x\r\n", b"Subject: x\ny\r\n")
    assert signing.sign_ours(office, octets, at=office.now()).fields == b""
    assert signing.seal_foreign(office, octets, ArcResult("none"), "mail.city.vn; none") == b""


def test_a_strangers_message_is_sealed(office):
    stranger = MESSAGE.replace(b"an@city.vn", b"la@xa.example")
    fields = signing.seal_foreign(
        office, stranger, ArcResult("none"), "mail.city.vn; spf=pass smtp.mailfrom=xa.example"
    )
    found = zone(office).run(validate(read_message(fields + stranger)))
    assert found.status == "pass"
    assert [(one.domain, one.results) for one in found.sets] == [
        ("city.vn", "mail.city.vn; spf=pass smtp.mailfrom=xa.example")
    ]
    assert zone(office).run(verify(read_message(fields + stranger), office.now())) == ()  # and never signed by us


def receive(office, dns: DnsTable, *recipients: str, octets: bytes):
    """As the session of a stranger's server does it: look, judge, take."""
    mail = MailCommand("la@xa.example")
    taken = [inbound.offer_recipient(office, mail, RcptCommand(path)) for path in recipients]
    subject = checks.envelope_subject(office, ORIGIN, mail.reverse_path)
    assert subject is not None
    found = dns.run(checks.look_at_envelope(subject, office.config.trust))
    found = dns.run(checks.look_at_octets(office, subject, octets, found))
    return inbound.receive(office, ORIGIN, mail, taken, octets, judge(found, office.config.trust)).result()


@pytest.mark.parametrize("recipient", ["everyone@city.vn", "ngoai@city.vn"])
def test_what_a_group_or_alias_passes_on_is_sealed_with_what_was_found(office, recipient):
    dns = zone(office)
    dns.records |= DnsTable(
        {
            ("s-rsa._domainkey.example.org", "TXT"): [record()],
            ("xa.example", "TXT"): [b"v=spf1 ip4:192.0.2.9 -all"],
        }
    ).records
    letter = MESSAGE.replace(b"an@city.vn", b"la@example.org")
    letter = sign(read_message(letter), (signer(),), office.now()) + letter
    receive(office, dns, recipient, octets=letter)
    (sent,) = as_relayed(office)
    assert sent.endswith(letter)
    assert sent.startswith(b"ARC-Seal: i=1;")
    message = read_message(sent)
    found = dns.run(validate(message))
    assert (found.status, found.reason) == ("pass", "")
    (link,) = found.sets
    assert link.domain == "city.vn"
    assert link.results.startswith("mail.city.vn; spf=pass smtp.mailfrom=xa.example")
    assert "dkim=pass header.d=example.org" in link.results
    # the author's own signature is as it was, and we did not add ours
    assert [(one.status, one.domain) for one in dns.run(verify(message, office.now()))] == [("pass", "example.org")]


def test_a_chain_goes_on(office):
    dns = zone(office)
    dns.records |= zone_of("rsa").records
    letter = MESSAGE.replace(b"an@city.vn", b"la@example.org")
    letter = seal(read_message(letter), ArcResult("none"), "mx.example.org; none", signer(), office.now()) + letter
    receive(office, dns, "ngoai@city.vn", octets=letter)
    (sent,) = as_relayed(office)
    found = dns.run(validate(read_message(sent)))
    assert (found.status, [link.domain for link in found.sets]) == ("pass", ["example.org", "city.vn"])
    assert "arc=pass" in found.sets[1].results


def test_a_broken_chain_is_told_to_be_one(office):
    dns = zone(office)
    dns.records |= zone_of("rsa").records
    letter = MESSAGE.replace(b"an@city.vn", b"la@example.org")
    letter = seal(read_message(letter), ArcResult("none"), "mx.example.org; none", signer(), office.now()) + letter
    receive(office, dns, "ngoai@city.vn", octets=letter.replace(b"body", b"other"))
    (sent,) = as_relayed(office)
    assert b"cv=fail" in sent.partition(b"\r\nARC-Message-Signature")[0]
    found = dns.run(validate(read_message(sent)))
    assert (found.status, found.ended) == ("fail", True)


def test_a_strangers_mail_that_stays_is_not_sealed(office):
    receive(office, zone(office), "an@city.vn", octets=MESSAGE.replace(b"an@city.vn", b"la@example.org"))
    assert b"ARC-" not in mails(office.store, "an")[0]


def test_a_report_that_leaves_is_signed(office):
    letter = MESSAGE.replace(b"an@city.vn", b"la@example.org")
    mail = MailCommand("la@xa.example", ret="FULL")
    rcpt = RcptCommand("an@city.vn", notify="SUCCESS")
    taken = [inbound.offer_recipient(office, mail, rcpt)]
    inbound.receive(office, ORIGIN, mail, taken, letter).result()
    (sent,) = as_relayed(office)
    assert b"multipart/report" in sent
    assert results(office, sent) == BOTH


def test_without_keys_nothing_is_sealed(office):
    with office.directory.write() as conn:
        for key in dkim_keys.list_keys(conn):
            dkim_keys.retire(conn, "test", key.domain, key.selector)
    assert signing.seal_foreign(office, MESSAGE, ArcResult("none"), "mail.city.vn; none") == b""


def test_fields_go_below_return_path():
    origin = Origin("192.0.2.9", "client.example", "ESMTP")
    trace = trace_fields(origin, hostname="h", reference="r", reverse_path="a@b", forward_path="", now=0)
    lines = signing.below_return_path(trace, b"DKIM-Signature: x\r\n").split(b"\r\n")
    assert [line.split(b":")[0] for line in lines[:3]] == [b"Return-Path", b"DKIM-Signature", b"Received"]
    assert signing.below_return_path(b"Received: x\r\n", b"A: y\r\n") == b"A: y\r\nReceived: x\r\n"


def test_a_key_that_vanished_from_the_dns_is_no_key(office):
    submit(office, "ban@ngoai.example")
    (sent,) = as_relayed(office)
    empty = DnsTable(dict.fromkeys(zone(office).records, Status.NO_NAME))
    assert [one.status for one in empty.run(verify(read_message(sent), office.now()))] == ["permerror", "permerror"]
