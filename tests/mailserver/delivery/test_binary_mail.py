"""Binary messages as they are kept (RFC 3030 §3): every bit, and no NUL outside base64."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.delivery.binary_mail import as_kept
from mailserver.message.binary import NoEncodingHelps, without_nul
from mailserver.refusals import MalformedMessage
from mailserver.smtp.commands import MailCommand

BINARY = MailCommand("a@b.vn", body="BINARYMIME")
HEADER = b"Content-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"


def test_what_is_not_binary_is_not_looked_at():
    mail = MailCommand("a@b.vn", body="8BITMIME")
    assert as_kept(mail, b"\0") == (mail, b"\0")


@pytest.mark.parametrize(("body", "is_binary"), [(b"a\nb", True), (b"x" * 999, True), (b"a\r\n" + b"x" * 998, False)])
def test_what_has_no_nul_stays_as_it_is(body, is_binary):
    mail, octets = as_kept(BINARY, HEADER + body)
    assert octets == HEADER + body
    assert (mail.body == "BINARYMIME") == is_binary


@given(st.binary(max_size=300))
def test_every_bit_is_kept(body):
    mail, octets = as_kept(BINARY, HEADER + body + b"\0")
    assert b"\0" not in octets
    assert message_from_bytes(octets).get_payload(decode=True) == body + b"\0"
    assert mail.body == "8BITMIME"


def test_what_is_encoded_already_holds_no_nul():
    with pytest.raises(NoEncodingHelps):
        without_nul(b"Content-Transfer-Encoding: quoted-printable\r\n\r\na\0")


def test_a_file_that_was_taken_over_is_gone(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(HEADER + b"\0")
    _, octets = as_kept(BINARY, path)
    assert isinstance(octets, bytes)
    assert not path.exists()
    path.write_bytes(b"Content-Transfer-Encoding: base64\r\n\r\nAA\0AA")
    with pytest.raises(MalformedMessage):
        as_kept(BINARY, path)
    assert not path.exists()
