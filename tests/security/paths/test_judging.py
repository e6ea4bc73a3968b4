"""The judge, state by state; and what strangers may try with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, OtherNameFormOID
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko_certvalidator.path import ValidationPath

from security.authority.issuing import Issuer
from security.authority.profiles import ENCRYPTION, TLS, Places
from security.authority.responder import Known, Responder, issuer_names, read_request, sign_answer
from security.authority.revocation_lists import Revoked
from security.paths import Anchor, Evidence, Judgement, Purpose, State, Trust, addresses_of, judge, judging
from tests.security.authority.making import NOW, below, crl, der, end, key, root

AN = "an@city.gov.vn"
DAY = timedelta(days=1)
PLACES = Places(("http://pki.example/a.crl",), (), (), ("http://pki.example/ocsp",))


class Town:
    """A root, an issuer, a certificate of An's, and lists of both authorities."""

    def __init__(self) -> None:
        self.root = root()
        self.issuer = below(self.root, places=PLACES)
        self.an = end(self.issuer, AN)

    def judge(
        self,
        certificate: x509.Certificate | bytes | None = None,
        *,
        purpose: Purpose = Purpose.SIGNING,
        addresses: Sequence[str] = (AN,),
        moment: datetime = NOW,
        now: datetime | None = None,
        companions: Sequence[bytes] | None = None,
        anchors: Sequence[Anchor] | None = None,
        crls: Sequence[bytes] | None = None,
        evidence: Evidence | None = None,
    ) -> Judgement:
        judged = self.an if certificate is None else certificate
        lists = [crl(self.root), crl(self.issuer)] if crls is None else crls
        return judge(
            judged if isinstance(judged, bytes) else der(judged),
            companions=[der(self.issuer.certificate)] if companions is None else companions,
            purpose=purpose,
            addresses=addresses,
            moment=moment,
            now=now or moment,
            trust=Trust(
                tuple(anchors) if anchors is not None else (Anchor(der(self.root.certificate)),),
                evidence or Evidence(tuple(lists)),
            ),
        )


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def custom(
    issuer: Issuer, *, public_key: object = None, names: Sequence[x509.GeneralName] = (), **extensions: object
) -> x509.Certificate:
    """What our own profiles would not issue."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(extensions.pop("name", "x")))]))
        .issuer_name(issuer.certificate.subject)
        .public_key(public_key or key("end").public_key())  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 300 * DAY)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for value in extensions.values():
        builder = builder.add_extension(value, critical=True)  # type: ignore[arg-type]
    return builder.sign(issuer.key, hashes.SHA256())


def test_what_is_good_is_valid_and_leads_to_the_anchor(town: Town) -> None:
    judged = town.judge()
    assert judged.state is State.VALID, judged
    assert judged.path == (der(town.an), der(town.issuer.certificate), der(town.root.certificate))
    assert judged.addresses == (AN,)
    assert judged.revocation_checked
    assert judged.good


@pytest.mark.parametrize("wanted", [AN.upper(), "AN@City.Gov.VN", "khac@x.vn"])
def test_addresses_are_one_without_regard_to_case(town: Town, wanted: str) -> None:
    judged = town.judge(addresses=(wanted,))
    assert judged.state is (State.ADDRESS_MISMATCH if wanted == "khac@x.vn" else State.VALID)
    assert town.judge(addresses=("khac@x.vn", AN)).state is State.VALID


def test_a_certificate_without_address_is_anybodys(town: Town) -> None:
    assert town.judge(end(town.issuer), addresses=(AN,)).state is State.VALID  # RFC 8550 §3


def test_addresses_in_the_subject_and_beyond_ascii_count(town: Town) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, AN)])
    old = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(town.issuer.certificate.subject)
        .public_key(key("end").public_key())
        .serial_number(77)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(town.issuer.key, hashes.SHA256())
    )
    assert town.judge(old).state is State.VALID
    assert town.judge(old, addresses=("khac@x.vn",)).state is State.ADDRESS_MISMATCH
    foreign = end(town.issuer, "ân@thànhphố.vn")
    assert town.judge(foreign, addresses=("Ân@xn--thnhph-jta8342d.vn",)).state is State.VALID


def test_each_certificate_for_its_own_purpose(town: Town) -> None:
    encrypting = end(town.issuer, AN, profile=ENCRYPTION)
    assert town.judge(encrypting, purpose=Purpose.ENCRYPTION).state is State.VALID
    assert town.judge(encrypting).state is State.WRONG_PURPOSE
    assert town.judge(purpose=Purpose.ENCRYPTION).state is State.WRONG_PURPOSE
    server = end(town.issuer, AN, profile=TLS)
    assert town.judge(server).state is State.WRONG_PURPOSE


def test_an_authority_for_servers_speaks_for_nobody(town: Town) -> None:
    """Extended key usage of an authority narrows what is below it."""
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    narrow = custom(
        town.root,
        public_key=key("Narrow").public_key(),
        constraints=constraints,
        usage=usage,
        extended=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        name="Narrow",
    )
    issuer = Issuer(narrow, key("Narrow"))
    judged = town.judge(end(issuer, AN), companions=[der(narrow)], crls=[crl(town.root), crl(issuer)])
    assert judged.state is State.WRONG_PURPOSE


def test_days_before_and_after(town: Town) -> None:
    assert town.judge(moment=NOW - 2 * DAY).state is State.NOT_YET_VALID
    lists = [crl(town.root, days=2000), crl(town.issuer, days=2000)]
    assert town.judge(moment=NOW + 800 * DAY, crls=lists).state is State.EXPIRED
    then = town.judge(moment=NOW + DAY, now=NOW + 800 * DAY, crls=lists)
    assert (then.state, then.good) == (State.EXPIRED_SINCE, True)


def test_a_revocation_counts_from_its_day_on(town: Town) -> None:
    gone = Revoked(town.an.serial_number, NOW + 3 * DAY, "key-compromise")
    lists = [crl(town.root), crl(town.issuer, gone, now=NOW + 3 * DAY)]
    judged = town.judge(moment=NOW + 4 * DAY, crls=lists)
    assert (judged.state, judged.good, judged.revoked_at) == (State.REVOKED, False, gone.at)
    before = town.judge(moment=NOW + DAY, now=NOW + 4 * DAY, crls=lists)
    assert (before.state, before.good, before.revoked_at) == (State.REVOKED_SINCE, True, gone.at)


def test_a_revoked_authority_takes_all_below_it_along(town: Town) -> None:
    gone = Revoked(town.issuer.certificate.serial_number, NOW - DAY, "ca-compromise")
    assert town.judge(crls=[crl(town.root, gone), crl(town.issuer)]).state is State.REVOKED


def test_old_lists_and_none_tell_nothing(town: Town) -> None:
    assert town.judge(crls=[]).state is State.REVOCATION_UNKNOWN
    old = [crl(town.root), crl(town.issuer, now=NOW - 40 * DAY, days=30)]
    assert town.judge(crls=old).state is State.REVOCATION_UNKNOWN
    forged = [crl(town.root), crl(Issuer(town.issuer.certificate, key("forger")))]
    assert town.judge(crls=forged).state is State.REVOCATION_UNKNOWN
    assert town.judge(crls=[b"no list", *forged[:1], crl(town.issuer)]).state is State.VALID


@pytest.mark.parametrize("is_revoked", [False, True])
def test_answers_serve_like_lists(town: Town, is_revoked: bool) -> None:
    from cryptography.x509 import ocsp

    from security.authority.profiles import OCSP

    delegate = end(town.issuer, profile=OCSP)
    request = ocsp.OCSPRequestBuilder().add_certificate(town.an, town.issuer.certificate, hashes.SHA1()).build()
    asked = read_request(request.public_bytes(Encoding.DER))
    assert issuer_names({"it": town.issuer.certificate})[asked.issuer] == "it"
    known = Known(Revoked(town.an.serial_number, NOW - DAY) if is_revoked else None)
    responder = Responder(town.issuer.certificate, delegate, key("end"))
    answer = sign_answer(asked, responder, known, now=NOW, life=DAY)
    judged = town.judge(evidence=Evidence((crl(town.root),), (answer.octets,)))
    assert judged.state is (State.REVOKED if is_revoked else State.VALID), judged


def test_our_own_register_is_asked_before_any_list(town: Town) -> None:
    def known(at: datetime | None) -> Evidence:
        mine = {sha256(der(each)).digest(): None for each in (town.issuer.certificate,)}
        return Evidence(register=mine | {sha256(der(town.an)).digest(): at})

    assert town.judge(evidence=known(None)).state is State.VALID
    assert town.judge(evidence=known(NOW - DAY)).state is State.REVOKED
    later = town.judge(evidence=known(NOW + DAY), now=NOW + 2 * DAY)
    assert (later.state, later.revoked_at) == (State.REVOKED_SINCE, NOW + DAY)


def test_an_anchor_that_lists_nothing_is_taken_so_and_says_so(town: Town) -> None:
    silent = below(town.root, "Silent")
    made = end(silent, AN)
    given = {"companions": [der(silent.certificate)], "crls": []}
    assert town.judge(made, **given).state is State.REVOCATION_UNKNOWN  # type: ignore[arg-type]
    anchor = Anchor(der(town.root.certificate), lists_revocations=False)
    judged = town.judge(made, anchors=[anchor], **given)  # type: ignore[arg-type]
    assert (judged.state, judged.revocation_checked) == (State.VALID, False)
    # what tells where it is looked up must be looked up
    assert town.judge(anchors=[anchor], crls=[]).state is State.REVOCATION_UNKNOWN
    # and so must what a list at hand is about
    gone = crl(silent, Revoked(made.serial_number, NOW - DAY))
    assert town.judge(made, anchors=[anchor], companions=[der(silent.certificate)], crls=[gone]).state is State.REVOKED


def test_no_revocation_available_spares_the_end_alone(town: Town) -> None:
    spared = custom(town.issuer, none=x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00"))
    # marked critical it is refused, as RFC 5280 has it of what is not known
    assert town.judge(spared, crls=[crl(town.root)]).state is State.BROKEN
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "short")]))
        .issuer_name(town.issuer.certificate.subject)
        .public_key(key("end").public_key())
        .serial_number(99)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00"), critical=False)
        .sign(town.issuer.key, hashes.SHA256())
    )
    assert town.judge(made, crls=[crl(town.root)]).state is State.VALID
    assert town.judge(made, crls=[]).state is State.REVOCATION_UNKNOWN  # its issuer's


def test_anchors_are_for_purposes_and_domains(town: Town) -> None:
    octets = der(town.root.certificate)
    signing = Anchor(octets, frozenset({Purpose.SIGNING}))
    assert town.judge(anchors=[signing]).state is State.VALID
    encrypting = end(town.issuer, AN, profile=ENCRYPTION)
    judged = town.judge(encrypting, purpose=Purpose.ENCRYPTION, anchors=[signing])
    assert judged.state is State.UNKNOWN_AUTHORITY
    assert town.judge(anchors=[Anchor(octets, domains=frozenset({"gov.vn"}))]).state is State.VALID
    assert town.judge(anchors=[Anchor(octets, domains=frozenset({"ov.vn"}))]).state is State.BROKEN
    assert town.judge(anchors=[]).state is State.UNKNOWN_AUTHORITY
    assert town.judge(companions=[]).state is State.UNKNOWN_AUTHORITY


def test_constraints_on_names_bind_addresses_beyond_ascii(town: Town) -> None:
    """RFC 9598 §6: else a constrained authority would speak for anybody with an accent."""
    constraints = x509.NameConstraints([x509.RFC822Name("city.gov.vn")], None)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    bound = custom(
        town.root,
        public_key=key("Bound").public_key(),
        basic=x509.BasicConstraints(ca=True, path_length=None),
        usage=usage,
        names_=constraints,
        name="Bound",
    )
    issuer = Issuer(bound, key("Bound"))
    given = {"companions": [der(bound)], "crls": [crl(town.root), crl(issuer)], "addresses": ()}
    for address, state in (
        (AN, State.VALID),
        ("an@other.vn", State.BROKEN),
        ("ân@city.gov.vn", State.VALID),
        ("ân@other.vn", State.BROKEN),
    ):
        assert town.judge(end(issuer, address), **given).state is state, address  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "weak",
    [
        lambda: rsa.generate_private_key(65_537, 1024).public_key(),
        lambda: ec.generate_private_key(ec.SECP192R1()).public_key(),
        lambda: ec.generate_private_key(ec.SECP256K1()).public_key(),
    ],
)
def test_weak_keys_prove_nothing(town: Town, weak: object) -> None:
    made = custom(town.issuer, public_key=weak())  # type: ignore[operator]
    assert town.judge(made, addresses=()).state is State.WEAK


def test_ed25519_is_read(town: Town) -> None:
    made = custom(town.issuer, public_key=ed25519.Ed25519PrivateKey.generate().public_key())
    assert town.judge(made, addresses=()).state is State.VALID


def test_sha_1_proves_nothing(town: Town) -> None:
    """A list that is signed so is none, either."""
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(town.issuer.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + DAY)
    )
    octets = made.sign(town.issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)
    weak = octets.replace(
        core.ObjectIdentifier("1.2.840.10045.4.3.2").dump(), core.ObjectIdentifier("1.2.840.10045.4.1").dump()
    )
    assert town.judge(crls=[crl(town.root), weak]).state is State.REVOCATION_UNKNOWN


def test_a_signature_that_was_altered_is_seen(town: Town) -> None:
    octets = der(town.an)
    assert town.judge(octets[:-1] + bytes([octets[-1] ^ 1])).state is State.BROKEN
    assert town.judge(octets.replace("Nguyễn".encode(), "Nguyên ".encode()[:8])).state in (
        State.BROKEN,
        State.UNREADABLE,
    )


def test_an_impostor_of_the_same_name_is_not_the_authority(town: Town) -> None:
    impostor = Issuer(town.issuer.certificate, key("impostor"))
    assert town.judge(custom(impostor, name="x"), addresses=()).state is State.BROKEN
    named = Issuer(custom(Issuer(town.root.certificate, key("impostor")), name="Issuing"), key("impostor"))
    assert not town.judge(end(named, AN), companions=[der(named.certificate)]).good


def test_many_authorities_of_one_name_cost_little(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each could have issued each: all their orders would be 32!."""
    stranger = Issuer(town.root.certificate, key("stranger"))
    ring = Issuer(custom(stranger, name="Ring", basic=x509.BasicConstraints(True, None)), key("stranger"))
    crowd = [der(custom(ring, name="Ring", basic=x509.BasicConstraints(True, None))) for _ in range(40)]
    followed: list[object] = []
    follow = judging._Paths._follow

    def count(self: judging._Paths, path: ValidationPath, moment: datetime) -> Judgement:
        followed.append(path)
        return follow(self, path, moment)

    monkeypatch.setattr(judging._Paths, "_follow", count)
    leaf = custom(ring, name="leaf")
    assert town.judge(leaf, companions=crowd, addresses=()).state is State.UNKNOWN_AUTHORITY
    assert followed == []
    judged = town.judge(leaf, companions=[der(ring.certificate), *crowd], addresses=())
    assert judged.state is State.BROKEN
    assert 0 < len(followed) <= judging.MOST_PATHS


def test_what_is_no_certificate_is_unreadable(town: Town) -> None:
    for octets in (b"", b"\x30\x00", b"x" * 100, der(town.an) + b"\x00", der(town.an)[:-1], b"\x30\x80" * 5000):
        judged = town.judge(octets)
        assert judged.state is State.UNREADABLE, octets[:20]
    assert town.judge(companions=[b"", b"\x30\x00", der(town.issuer.certificate)]).state is State.VALID


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_octets_are_changed_it_answers_and_believes_nothing(data: st.DataObject) -> None:
    town = _TOWN
    octets = bytearray(der(town.an))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    judged = town.judge(bytes(octets))
    assert judged.state is not State.VALID or bytes(octets) == der(town.an)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_companions_of_any_kind_do_no_harm(data: st.DataObject) -> None:
    town = _TOWN
    octets = bytearray(der(town.issuer.certificate))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    good = der(town.issuer.certificate)
    judged = town.judge(companions=data.draw(st.permutations([bytes(octets), good])))
    assert judged.state is State.VALID


def test_an_other_name_that_holds_no_text_is_no_address(town: Town) -> None:
    odd = x509.OtherName(OtherNameFormOID.SMTP_UTF8_MAILBOX, core.Integer(5).dump())
    made = custom(town.issuer, names=[odd, x509.RFC822Name(AN)])
    assert town.judge(made).state is State.UNREADABLE
    fine = custom(town.issuer, names=[x509.OtherName(x509.ObjectIdentifier("1.2.3"), core.Integer(5).dump())])
    assert addresses_of(der(fine)) == ()


_TOWN = Town()
