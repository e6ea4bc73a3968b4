"""Certificates against the records of a zone: every usage, selector and digest, and everything that must not pass."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from security.dane import DANE_EE, DANE_TA, NotProven, bears, record_name, usable, verify
from security.dns import Tlsa

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOST = "mx.ngoai.example"


class Party:
    """A key, and the certificate that somebody made for it."""

    def __init__(self, name: str, issuer: Party | None = None, **more: Any) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        signer = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(more.get("since", NOW - timedelta(days=1)))
            .not_valid_after(more.get("until", NOW + timedelta(days=1)))
        )
        if more.get("ca", False):
            builder = builder.add_extension(x509.BasicConstraints(True, more.get("path_length")), critical=True)
        if "names" in more:
            names = x509.SubjectAlternativeName([x509.DNSName(each) for each in more["names"]])
            builder = builder.add_extension(names, critical=False)
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.der = self.certificate.public_bytes(Encoding.DER)
        self.spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


ROOT = Party("root", ca=True)
MIDDLE = Party("middle", ROOT, ca=True, path_length=0)
SERVER = Party(HOST, MIDDLE, names=[HOST])
OTHER = Party("other", ca=True)
CHAIN = [SERVER.der, MIDDLE.der, ROOT.der]


def record(usage: int, party: Party, selector: int = 1, matching: int = 1) -> Tlsa:
    octets = (party.der, party.spki)[selector]
    data = {0: octets, 1: hashlib.sha256(octets).digest(), 2: hashlib.sha512(octets).digest()}[matching]
    return Tlsa(usage, selector, matching, data)


def proves(
    records: Sequence[Tlsa], chain: Sequence[bytes] = CHAIN, names: Sequence[str] = (HOST,), now: datetime = NOW
) -> bool:
    try:
        verify(usable(records), chain, names, now)
    except NotProven:
        return False
    return True


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize(("usage", "party"), [(DANE_EE, SERVER), (DANE_TA, MIDDLE), (DANE_TA, ROOT)])
def test_every_way_to_name_a_certificate(usage: int, party: Party, selector: int, matching: int) -> None:
    assert proves([record(usage, party, selector, matching)])
    assert proves([record(usage, OTHER, selector, matching), record(usage, party, selector, matching)])
    assert not proves([record(usage, OTHER, selector, matching)])


def test_the_servers_own_certificate_needs_no_name_and_no_date() -> None:
    """RFC 7672 §3.1.1"""
    assert proves([record(DANE_EE, SERVER)], names=["elsewhere.example"], now=NOW + timedelta(days=1000))
    assert proves([record(DANE_EE, SERVER)], [SERVER.der])


def test_under_an_authority_names_and_dates_count() -> None:
    assert not proves([record(DANE_TA, ROOT)], names=["elsewhere.example"])
    assert proves([record(DANE_TA, ROOT)], names=["elsewhere.example", HOST.upper() + "."])
    assert not proves([record(DANE_TA, ROOT)], now=NOW + timedelta(days=2))
    assert not proves([record(DANE_TA, ROOT)], now=NOW - timedelta(days=2))


def test_the_chain_must_hold() -> None:
    assert not proves([record(DANE_TA, ROOT)], [SERVER.der, ROOT.der])
    forged = Party(HOST, Party("middle", ca=True), names=[HOST])
    assert not proves([record(DANE_TA, MIDDLE)], [forged.der, MIDDLE.der, ROOT.der])
    assert not proves([record(DANE_TA, ROOT)], [])
    assert not proves([record(DANE_TA, ROOT)], [b"no certificate"])
    assert proves([record(DANE_TA, ROOT)], [SERVER.der, OTHER.der, ROOT.der, MIDDLE.der])


def test_an_authority_in_the_record_need_not_be_shown() -> None:
    assert proves([record(DANE_TA, ROOT, 0, 0)], [SERVER.der, MIDDLE.der])
    assert not proves([record(DANE_TA, ROOT, 0, 1)], [SERVER.der, MIDDLE.der])


def test_only_authorities_may_issue() -> None:
    customer = Party("customer", ROOT)
    assert not proves([record(DANE_TA, ROOT)], [Party(HOST, customer, names=[HOST]).der, customer.der, ROOT.der])
    below = Party("below", MIDDLE, ca=True)  # MIDDLE may have no authority below it
    chain = [Party(HOST, below, names=[HOST]).der, below.der, MIDDLE.der, ROOT.der]
    assert not proves([record(DANE_TA, ROOT)], chain)
    assert not proves([record(DANE_TA, SERVER)])  # a server is no authority


def test_a_circle_of_issuers_ends() -> None:
    first = Party("a", ca=True)
    second = Party("b", first, ca=True)
    assert not proves([record(DANE_TA, OTHER)], [second.der, first.der, second.der])


@pytest.mark.parametrize(
    "odd",
    [
        Tlsa(0, 0, 1, bytes(32)),  # PKIX-TA and PKIX-EE do not count in SMTP, RFC 7672 §3.1.3
        Tlsa(1, 0, 1, bytes(32)),
        Tlsa(4, 0, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(31)),
        Tlsa(3, 1, 2, bytes(32)),
        Tlsa(3, 1, 0, b""),
    ],
)
def test_records_that_do_not_count(odd: Tlsa) -> None:
    assert usable([odd]) == ()
    good = record(DANE_EE, SERVER)
    assert usable([odd, good]) == (good,)


def test_the_strongest_digest_counts() -> None:
    """RFC 7671 §9: a digest that is broken one day must not weaken one that holds."""
    weak, strong = record(DANE_EE, SERVER, 1, 1), record(DANE_EE, OTHER, 1, 2)
    assert usable([weak, strong]) == (strong,)
    assert not proves([weak, strong])


@pytest.mark.parametrize(
    ("names", "name", "is_for"),
    [
        (["*.ngoai.example"], "mx.ngoai.example", True),
        (["*.ngoai.example"], "a.mx.ngoai.example", False),
        (["*.ngoai.example"], "ngoai.example", False),
        (["MX.ngoai.EXAMPLE"], "mx.NGOAI.example", True),
        (["*.example"], "ngoai.example", False),
        (["m*.ngoai.example"], "mx.ngoai.example", False),
    ],
)
def test_names(names: list[str], name: str, is_for: bool) -> None:
    assert bears(Party("x.example", names=names).certificate, name) is is_for


def test_the_common_name_counts_only_where_there_is_no_other() -> None:
    assert bears(Party(HOST).certificate, HOST)
    assert not bears(Party(HOST, names=["other.example"]).certificate, HOST)


@given(usage=st.integers(0, 255), selector=st.integers(0, 255), matching=st.integers(0, 255), data=st.binary())
def test_nothing_else_is_raised(usage: int, selector: int, matching: int, data: bytes) -> None:
    with contextlib.suppress(NotProven):
        verify(usable([Tlsa(usage, selector, matching, data)]), CHAIN, [HOST], NOW)


def test_where_the_records_are() -> None:
    assert record_name(HOST, 25) == "_25._tcp.mx.ngoai.example"
