"""What we issue, as RFC 5280 has it, and as openssl and GnuTLS read it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from security.authority import profiles
from security.authority.issuing import Issuer, is_issued_by, issue, serial_from
from security.authority.names import hosts, mailbox, subject
from security.authority.profiles import ENCRYPTION, ISSUING, LOCAL, OCSP, ROOT, SIGNING, TLS, Places, Profile
from security.cms import Recipient
from security.mailbox_names import addresses_of
from tests.security.authority.making import NOW, below, der, end, key, root

PLACES = Places(("http://pki.example/a.crl",), (), ("http://pki.example/a.cer",), ("http://pki.example/ocsp",))
ENDS = (SIGNING, ENCRYPTION, OCSP, TLS)
_NAME = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=90)


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension[x509.ExtensionType]:
    return certificate.extensions.get_extension_for_class(kind)


def has(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> bool:
    return any(isinstance(each.value, kind) for each in certificate.extensions)


def lint(certificate: x509.Certificate, issuer: Issuer, profile: Profile) -> None:
    """RFC 5280 §4, of certificates that a conforming authority issues."""
    assert certificate.version is x509.Version.v3
    assert 0 < certificate.serial_number < 1 << 159  # §4.1.2.2: positive, 20 octets
    assert certificate.issuer == issuer.certificate.subject
    assert list(certificate.issuer)  # §4.1.2.4
    assert certificate.not_valid_after_utc <= issuer.certificate.not_valid_after_utc
    assert certificate.signature_algorithm_parameters is not None
    oids = [each.oid for each in certificate.extensions]
    assert len(oids) == len(set(oids))  # §4.2
    own = extension(issuer.certificate, x509.SubjectKeyIdentifier).value
    authority = extension(certificate, x509.AuthorityKeyIdentifier)
    assert not authority.critical  # §4.2.1.1
    assert authority.value.key_identifier == own.digest  # type: ignore[attr-defined]
    assert not extension(certificate, x509.SubjectKeyIdentifier).critical  # §4.2.1.2
    usage = extension(certificate, x509.KeyUsage)
    assert usage.critical  # §4.2.1.3
    if profile.is_authority:
        constraints = extension(certificate, x509.BasicConstraints)
        assert constraints.critical  # §4.2.1.9
        assert constraints.value.ca  # type: ignore[attr-defined]
        assert usage.value.key_cert_sign  # type: ignore[attr-defined]
        assert list(certificate.subject)  # §4.1.2.6
    else:
        assert not has(certificate, x509.BasicConstraints)  # RFC 8550 §4.4.1
        assert not usage.value.key_cert_sign  # type: ignore[attr-defined]
        assert not usage.value.crl_sign  # type: ignore[attr-defined]
    if has(certificate, x509.SubjectAlternativeName):
        names = extension(certificate, x509.SubjectAlternativeName)
        assert names.critical == (not list(certificate.subject))  # §4.2.1.6
    for attribute in certificate.subject:
        assert 0 < len(attribute.value.encode()) <= 64  # appendix A.1
    if has(certificate, x509.AuthorityInformationAccess):
        assert not extension(certificate, x509.AuthorityInformationAccess).critical  # §4.2.2.1
        assert not extension(certificate, x509.CRLDistributionPoints).critical  # §4.2.1.13


@given(
    profile=st.sampled_from(ENDS),
    name=_NAME,
    organization=_NAME,
    kind=st.sampled_from(("p256", "rsa2048")),
    bits=st.integers(0, (1 << 200) - 1),
    days=st.one_of(st.none(), st.integers(1, 5000)),
    local=st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
)
@settings(max_examples=60, deadline=None)
def test_every_end_conforms(
    profile: Profile, name: str, organization: str, kind: str, bits: int, days: int | None, local: str
) -> None:
    issuer = below(root(), places=PLACES)
    certificate = issue(
        issuer,
        profile,
        key("end", kind).public_key(),
        subject=subject(name, organization=organization, country="VN"),
        names=[mailbox(f"{local}@city.gov.vn")],
        serial=serial_from(bits),
        now=NOW,
        days=days,
    )
    lint(certificate, issuer, profile)
    assert is_issued_by(certificate, issuer.certificate)
    # what was encoded is what is read, to the octet
    assert x509.load_der_x509_certificate(der(certificate)).subject == certificate.subject


def test_authorities_conform() -> None:
    above = root()
    lint(above.certificate, above, ROOT)
    own = root("Local", profile=LOCAL)
    lint(own.certificate, own, LOCAL)
    issuing = below(above)
    lint(issuing.certificate, above, ISSUING)
    # nobody below it issues
    assert extension(issuing.certificate, x509.BasicConstraints).value == x509.BasicConstraints(True, 0)


def test_one_key_signs_and_another_decrypts() -> None:
    issuer = below(root(), places=PLACES)
    rsa = {profile: end(issuer, "an@city.gov.vn", profile=profile, kind="rsa2048") for profile in (SIGNING, ENCRYPTION)}
    usages = {profile: extension(each, x509.KeyUsage).value for profile, each in rsa.items()}
    assert usages[SIGNING] == profiles.key_usage(frozenset({"digital_signature", "content_commitment"}))
    assert usages[ENCRYPTION] == profiles.key_usage(frozenset({"key_encipherment"}))
    curve = end(issuer, "an@city.gov.vn", profile=ENCRYPTION)
    assert extension(curve, x509.KeyUsage).value == profiles.key_usage(frozenset({"key_agreement"}))
    for each in (*rsa.values(), curve):
        wanted = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        assert extension(each, x509.ExtendedKeyUsage).value == wanted


def test_who_encrypts_learns_what_can_be_read() -> None:
    issuer = below(root(), places=PLACES)
    assert Recipient(der(end(issuer, "an@city.gov.vn", profile=ENCRYPTION))).can("aes256-gcm")
    assert not Recipient(der(end(issuer, "an@city.gov.vn", profile=SIGNING))).can("aes256-gcm")


def test_a_key_of_x25519_agrees() -> None:
    issuer = below(root())
    names = [mailbox("an@city.gov.vn")]
    key = x25519.X25519PrivateKey.generate().public_key()
    made = issue(issuer, ENCRYPTION, key, subject=subject("An"), names=names, serial=serial_from(7), now=NOW)
    assert extension(made, x509.KeyUsage).value == profiles.key_usage(frozenset({"key_agreement"}))


def test_a_responder_is_not_asked_about_and_is_short() -> None:
    made = end(below(root(), places=PLACES), profile=OCSP)
    assert has(made, x509.OCSPNoCheck)
    assert not has(made, x509.CRLDistributionPoints)
    assert (made.not_valid_after_utc - NOW).days == 30


def test_a_local_part_beyond_ascii_is_named_as_it_is_spelled() -> None:
    issuer = below(root())
    made = end(issuer, "an@city.gov.vn", "ân@thànhphố.vn", "chi@thànhphố.vn")
    assert addresses_of(der(made)) == (
        "an@city.gov.vn",
        "chi@xn--thnhph-jta8342d.vn",
        "ân@thànhphố.vn",
    )
    for wrong in ("an", "@city.vn", "an@", "an@" + "a" * 64 + "ê.vn"):
        with pytest.raises(ValueError):
            mailbox(wrong)


@given(name=st.text(st.characters(codec="utf-8"), max_size=200))
def test_long_names_are_cut_and_never_refused(name: str) -> None:
    for attribute in subject(name, organization=name, unit=name):
        assert attribute.value
        assert name.strip().startswith(attribute.value)


def test_names_are_cut_between_words() -> None:
    unit = "Trung tâm Phục vụ hành chính công Phường Bến Thành Thành phố Hồ Chí Minh"
    (made,) = subject("", unit=unit)
    assert made.value == "Trung tâm Phục vụ hành chính công Phường Bến Thành"
    (made,) = subject("Ư" * 50)
    assert made.value == "Ư" * 32


def test_hosts_are_names_or_addresses() -> None:
    assert [type(each) for each in hosts(["mail.city.vn", "::1", "127.0.0.1"])] == [
        x509.DNSName,
        x509.IPAddress,
        x509.IPAddress,
    ]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root, an issuer and one end of each kind, as files."""
    folder = tmp_path_factory.mktemp("papers")
    today = datetime.now(UTC)  # GnuTLS checks by its own clock
    above = root(now=today)
    issuer = below(above, places=PLACES, now=today)
    ends = {each.name: end(issuer, "an@city.gov.vn", profile=each, kind="rsa2048", now=today) for each in ENDS}
    for name, made in {"root": above.certificate, "issuing": issuer.certificate, **ends}.items():
        (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return folder


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("signing", {"S/MIME signing"}),
        ("encryption", {"S/MIME encryption"}),
        ("tls", {"SSL server"}),
        ("ocsp", {"OCSP helper"}),
        ("issuing", {"S/MIME signing CA", "S/MIME encryption CA", "CRL signing CA"}),
    ],
)
def test_openssl_reads_the_purpose(papers: Path, name: str, good: set[str]) -> None:
    told = subprocess.run(
        ["openssl", "x509", "-in", papers / f"{name}.pem", "-noout", "-purpose"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    mail = {
        line.partition(" : ")[0]
        for line in told.splitlines()
        if line.endswith(": Yes") and ("S/MIME" in line or line.partition(" : ")[0] == "SSL server")
    }
    assert {each for each in good if "S/MIME" in each or each == "SSL server"} == mail


@pytest.mark.parametrize(
    ("name", "purpose"), [("signing", "smimesign"), ("encryption", "smimeencrypt"), ("tls", "sslserver")]
)
def test_openssl_verifies_strictly(papers: Path, name: str, purpose: str) -> None:
    files = ("-CAfile", papers / "root.pem", "-untrusted", papers / "issuing.pem", papers / f"{name}.pem")
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-policy_check", "-purpose", purpose, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith(": OK\n"), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["signing", "encryption", "ocsp", "tls"])
def test_gnutls_finds_nothing_amiss(papers: Path, name: str) -> None:
    chain = papers / f"{name}-chain.pem"
    chain.write_bytes(b"".join((papers / f"{each}.pem").read_bytes() for each in (name, "issuing", "root")))
    done = subprocess.run(
        ["certtool", "--verify-chain", "--infile", chain],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Chain verification output: Verified" in done.stdout
    told = subprocess.run(
        ["certtool", "--certificate-info", "--infile", papers / f"{name}.pem"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "error" not in (told.stdout + told.stderr).lower()
