"""A small authority, its people and their keys for the tests of S/MIME: made once in a run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from security.cms import Judge, MemoryKey, Recipient, Signing, write_capabilities
from security.cms.keys import PrivateKey
from security.paths import Anchor, Evidence, Trust, judge

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
START = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2045, 1, 1, tzinfo=UTC)
AN, BINH, CHI = "an@tphcm.gov.vn", "binh@tphcm.gov.vn", "chi@tphcm.gov.vn"

LETTER = (
    b"From: =?utf-8?q?Nguy=E1=BB=85n_V=C4=83n_An?= <an@tphcm.gov.vn>\r\n"
    b"To: binh@tphcm.gov.vn\r\nSubject: Quyet dinh 123\r\nDate: Fri, 20 Nov 2026 15:00:00 +0700\r\n"
    b"Message-ID: <1@tphcm.gov.vn>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nK=C3=ADnh g=E1=BB=ADi,\r\n  blanks at the end  =20\r\n"
)


@dataclass(frozen=True)
class Person:
    """A key with its certificate."""

    key: PrivateKey
    certificate: bytes

    @property
    def memory(self) -> MemoryKey:
        return MemoryKey(self.key, self.certificate)

    @property
    def pem(self) -> bytes:
        parts = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return self.key.private_bytes(*parts)

    @property
    def certificate_pem(self) -> bytes:
        return x509.load_der_x509_certificate(self.certificate).public_bytes(serialization.Encoding.PEM)

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.certificate)


@functools.cache
def key_of(kind: str, who: str) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "x25519":
        return x25519.X25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


CITY = "Thanh pho Ho Chi Minh"


def authority(name: str = CITY) -> Person:
    return _authority(name)


@functools.cache
def _authority(name: str) -> Person:
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(called, called, key.public_key(), START - timedelta(days=1), END + timedelta(days=1))
    certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).add_extension(
        usage(key_cert_sign=True, crl_sign=True), critical=True
    )
    return Person(key, certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def usage(**bits: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    names += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


def _builder(
    subject: x509.Name, issuer: x509.Name, public: object, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(public).serial_number(x509.random_serial_number())  # type: ignore[arg-type]
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)  # type: ignore[arg-type]
    return builder.not_valid_before(start).not_valid_after(end).add_extension(identifier, critical=False)


def person(
    kind: str = "rsa",
    address: str = AN,
    *,
    purpose: str = "both",
    start: datetime = START,
    end: datetime = END,
    by: str = CITY,
    capable: bool = False,
    in_subject: bool = False,
    server: bool = False,
    called: str = "Nguyễn Văn An",
) -> Person:
    return _person(kind, address, purpose, start, end, by, capable, in_subject, server, called)


@functools.cache
def _person(
    kind: str,
    address: str,
    purpose: str,
    start: datetime,
    end: datetime,
    by: str,
    capable: bool,
    in_subject: bool,
    server: bool,
    called: str,
) -> Person:
    issuer = authority(by)
    key = key_of(kind, address)
    root = x509.load_der_x509_certificate(issuer.certificate)
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, called)]
    if in_subject:
        attributes.append(x509.NameAttribute(NameOID.EMAIL_ADDRESS, address))
    builder = _builder(x509.Name(attributes), root.subject, key.public_key(), start, end)
    encrypts = kind in ("rsa", "p256", "p384", "x25519") and purpose != "sign"
    builder = builder.add_extension(
        usage(
            digital_signature=kind != "x25519" and purpose != "encrypt",
            key_encipherment=kind == "rsa" and encrypts,
            key_agreement=kind != "rsa" and encrypts,
        ),
        critical=True,
    )
    extended = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.EMAIL_PROTECTION
    builder = builder.add_extension(x509.ExtendedKeyUsage([extended]), critical=False)
    if address and not in_subject:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
    if capable:
        oid = x509.ObjectIdentifier("1.2.840.113549.1.9.15")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, write_capabilities()), critical=False)
    signed = builder.sign(issuer.key, hashes.SHA256())  # type: ignore[arg-type]
    return Person(key, signed.public_bytes(serialization.Encoding.DER))


def trusting(*names: str, crls: Sequence[bytes] = ()) -> Judge:
    anchors = tuple(Anchor(authority(name).certificate, lists_revocations=False) for name in names or (CITY,))
    return functools.partial(judge, trust=Trust(anchors, Evidence(tuple(crls))))


def revoking(one: Person, at: datetime) -> bytes:
    issuer = authority()
    root = x509.load_der_x509_certificate(issuer.certificate)
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject)
    builder = builder.last_update(at).next_update(END)
    serial = x509.load_der_x509_certificate(one.certificate).serial_number
    entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
    signed = builder.add_revoked_certificate(entry).sign(issuer.key, hashes.SHA256())  # type: ignore[arg-type]
    return signed.public_bytes(serialization.Encoding.DER)


def signing(*people: Person, answer_to: bytes | None = None, at: datetime = NOW) -> Signing:
    return Signing([one.memory for one in people or (person(),)], at, answer_to=answer_to)
