"""Parts are slices, to the octet; what could be read in two ways is said to be unclear."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.cms import CmsFault
from security.cms.mime import decoded, is_cms, is_multipart_signed, read_entity, to_base64

HEAD = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def parts(body, head=HEAD):
    return [bytes(part.octets) for part in read_entity(head + body).parts()]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"\r\none", b"\r\ntwo"]),
        (b"before\r\n--b \t\r\none\r\n\r\n--b--", [b"one\r\n"]),
        (b"--b\none\n--b\ntwo\n--b--\n", [b"one", b"two"]),
        (b"--b\r\none\r\n--bb\r\ntwo\r\n--b--", [b"one\r\n--bb\r\ntwo"]),
        (b"--b\r\none --b\r\n--b--", [b"one --b"]),
        (b"--b\r\none", [b"one"]),
        (b"--b\r\n--b\r\n--b--", [b"", b""]),
        (b"--b\r\none\r\n--b--\r\n--b\r\nbehind\r\n--b--", [b"one"]),
        (b"nothing", []),
        (b"", []),
    ],
)
def test_parts(body, expected):
    assert parts(body) == expected


def test_the_octets_of_a_part_are_kept():
    odd = b"Subject :  odd\t\r\n folded \r\nContent-Type:text/plain\r\n\r\n\ttext \r\n \r\n"
    assert parts(b"--b\r\n" + odd + b"\r\n--b--\r\n") == [odd]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary*0=b\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b \x01\r\n\r\n",
        b"Content-Type: multipart/mixed\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n",
    ],
)
def test_unclear(head):
    with pytest.raises(CmsFault) as fault:
        parts(b"--b\r\none\r\n--b--\r\n", head)
    assert fault.value.reason == "ambiguous"


def test_bounds():
    with pytest.raises(CmsFault):
        parts(b"--b\r\n" * 1002)
    with pytest.raises(CmsFault):
        parts(b"--bx\r\n" * 10_001)
    with pytest.raises(CmsFault):
        read_entity(b"A: " + b"x" * (256 << 10))
    with pytest.raises(CmsFault):
        read_entity(b"A: b\r\n" * 2001)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"Content-Type: application/pkcs7-mime", True),
        (b"Content-Type: Application/X-PKCS7-MIME; smime-type=enveloped-data", True),
        (b'Content-Type: application/octet-stream; name="smime.P7M"', True),
        (b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="a.p7z"', True),
        (b'Content-Type: application/octet-stream; name="smime.p7s"', False),
        (b"Content-Type: text/plain; name=smime.p7m", False),
        (b"", False),
    ],
)
def test_what_is_cms(head, expected):
    assert is_cms(read_entity(head + b"\r\n\r\n")) is expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (b"; protocol=application/pkcs7-signature", True),
        (b'; protocol="application/x-pkcs7-signature"', True),
        (b"", True),
        (b"; protocol=application/pgp-signature", False),
    ],
)
def test_whose_multipart_signed_it_is(parameters, expected):
    assert is_multipart_signed(read_entity(b"Content-Type: multipart/signed" + parameters + b"\r\n\r\n")) is expected


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=5000), st.integers(1, 4000))
def test_base64_there_and_back(octets, size):
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    text = b"".join(to_base64(pieces))
    assert text.replace(b"\r\n", b"\n") == base64.encodebytes(octets)
    head = b"Content-Transfer-Encoding: base64\r\n\r\n"
    assert b"".join(decoded(read_entity(head + text))) == octets
    assert b"".join(decoded(read_entity(head + text.replace(b"\r\n", b" !\n").rstrip(b"=")))) == octets


def test_other_encodings():
    cms = b"\x30\x03\x02\x01\x05"
    for head in (b"\r\n", b"Content-Transfer-Encoding: binary\r\n\r\n", b"Content-Transfer-Encoding: 8bit\r\n\r\n"):
        assert b"".join(decoded(read_entity(head + cms))) == cms
    assert b"".join(decoded(read_entity(b"\r\n" + base64.b64encode(cms)))) == cms
    quoted = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n0=03=02=01=05"
    assert b"".join(decoded(read_entity(quoted))) == cms
    with pytest.raises(CmsFault):
        list(decoded(read_entity(b"Content-Transfer-Encoding: base64\r\n\r\nAAAAA")))
