"""What is published about certificates, as openssl asks for it and anybody's cache keeps it."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from flask.testing import FlaskClient
from sqlalchemy import select

from directory.pki import certificates, enrolment, issuers, ocsp_responders
from directory.pki.certificates import SIGNING, Certificate
from directory.tables import certificate
from mailserver.certifying import responder_key
from tests.directory.authorities import Pki, found_pki
from tests.webmail import town_hall
from tests.webmail.town_hall import TownHall
from webmail import create_app

HOST = "pki.city.gov.vn"
BASE = f"http://{HOST}"


@dataclass
class Desk:
    hall: TownHall
    pki: Pki
    client: FlaskClient
    folder: Path

    @property
    def issuer(self) -> x509.Certificate:
        return self.pki.open(self.hall.services.directory).issuer.certificate

    def certificate(self, purpose: str = SIGNING) -> Certificate:
        directory = self.hall.services.directory
        with directory.read() as conn:
            chosen = select(*certificates.COLUMNS).where(certificate.c.purpose == purpose)
            return certificates.read_row(conn.execute(chosen.order_by(certificate.c.id)).first())

    def ask(self, one: Certificate, *, nonce: bytes = b"", digest: hashes.HashAlgorithm | None = None) -> bytes:
        builder = ocsp.OCSPRequestBuilder().add_certificate(
            x509.load_der_x509_certificate(one.der), self.issuer, digest or hashes.SHA1()
        )
        if nonce:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.build().public_bytes(Encoding.DER)

    def post(self, request: bytes) -> ocsp.OCSPResponse:
        answer = self.client.post("/ocsp", data=request, content_type="application/ocsp-request", base_url=BASE)
        assert answer.status_code == 200
        assert answer.mimetype == "application/ocsp-response"
        return ocsp.load_der_ocsp_response(answer.data)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    hall = town_hall.build(tmp_path, pki={"host": HOST})
    directory = hall.services.directory
    pki = found_pki(directory, tmp_path / "pki")
    certifier = pki.open(directory)
    enrolment.reconcile(directory, certifier)
    ocsp_responders.renew(directory, "test", certifier, responder_key(hall.services.config))
    with directory.write() as conn:
        issuers.publish_crls(conn, "test", certifier)
    return Desk(hall, pki, create_app(hall.services).test_client(), tmp_path)


def test_openssl_is_answered_and_believes_it(desk: Desk) -> None:
    one = desk.certificate()
    names = {"end": one.der, "issuer": desk.issuer.public_bytes(Encoding.DER)}
    names["root"] = desk.pki.root.certificate.public_bytes(Encoding.DER)
    for name, der in names.items():
        (desk.folder / name).write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
    request, answer = desk.folder / "request", desk.folder / "answer"

    def openssl(*arguments: object) -> str:
        done = subprocess.run(
            ["openssl", "ocsp", *map(str, arguments)], capture_output=True, text=True, check=False, cwd=desk.folder
        )
        return done.stdout + done.stderr

    def state(*nonce: str) -> str:
        openssl("-issuer", "issuer", "-cert", "end", "-reqout", request, *nonce)
        got = desk.client.post(
            "/ocsp", data=request.read_bytes(), content_type="application/ocsp-request", base_url=BASE
        )
        answer.write_bytes(got.data)
        at = int(desk.hall.services.clock())
        chain = ("-CAfile", "root", "-verify_other", "issuer", "-attime", at)
        asked = ("-issuer", "issuer", "-cert", "end", *nonce) if nonce else ("-reqin", request)
        return openssl("-respin", answer, *asked, *chain)

    assert "Response verify OK" in (told := state()), told  # with a nonce of openssl's own
    told = state("-no_nonce")
    assert "Response verify OK" in told, told
    assert "end: good" in told, told
    with desk.hall.services.directory.write() as conn:
        certificates.revoke(conn, "test", [one], "key-compromise")
    told = state("-no_nonce")
    assert "Response verify OK" in told, told
    assert "end: revoked" in told, told
    assert "Reason: keyCompromise" in told, told


def test_an_answer_is_kept_until_the_register_says_another_thing(desk: Desk) -> None:
    one = desk.certificate()
    first, second = desk.post(desk.ask(one)), desk.post(desk.ask(one))
    assert first.signature == second.signature  # ECDSA: signed anew, it would be another one
    assert first.certificate_status is ocsp.OCSPCertStatus.GOOD
    with desk.hall.services.directory.write() as conn:
        certificates.revoke(conn, "test", [one], "superseded")
    revoked = desk.post(desk.ask(one))
    assert revoked.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert revoked.revocation_reason is x509.ReasonFlags.superseded


def test_a_nonce_comes_back_in_an_answer_of_its_own(desk: Desk) -> None:
    one = desk.certificate()
    answers = [desk.post(desk.ask(one, nonce=bytes([number]) * 32)) for number in (1, 2)]
    found = [each.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce for each in answers]
    assert found == [b"\x01" * 32, b"\x02" * 32]


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()])
def test_by_get_and_to_be_kept_by_caches(desk: Desk, digest: hashes.HashAlgorithm) -> None:
    asked = base64.b64encode(desk.ask(desk.certificate(), digest=digest)).decode()
    got = desk.client.get(f"/ocsp/{quote(asked, safe='')}", base_url=BASE)
    assert got.status_code == 200
    assert ocsp.load_der_ocsp_response(got.data).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert "max-age=14400" in got.headers["Cache-Control"]
    assert {"ETag", "Expires", "Last-Modified"} <= set(got.headers.keys())
    again = desk.client.get(
        f"/ocsp/{quote(asked, safe='')}", base_url=BASE, headers={"If-None-Match": got.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_base64_with_slashes_in_a_row_is_a_request_like_any_other(desk: Desk) -> None:
    got = desk.client.get("/ocsp/" + quote("MA//MA==", safe="/"), base_url=BASE)
    assert got.status_code == 200
    assert ocsp.load_der_ocsp_response(got.data).response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_who_asks_for_others_or_for_nothing_is_told_so(desk: Desk) -> None:
    malformed = desk.post(b"\x30\x03\x02\x01")
    assert malformed.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    foreign = (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(b"\x01" * 20, b"\x02" * 20, 7, hashes.SHA1())
        .build()
        .public_bytes(Encoding.DER)
    )
    assert desk.post(foreign).response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    never = ocsp.load_der_ocsp_request(desk.ask(desk.certificate()))
    unknown = (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(never.issuer_name_hash, never.issuer_key_hash, 7, hashes.SHA1())
        .build()
        .public_bytes(Encoding.DER)
    )
    assert desk.post(unknown).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    post = {"content_type": "application/ocsp-request", "base_url": BASE}
    assert desk.client.post("/ocsp", data=b"x" * 5000, **post).status_code == 413
    assert desk.client.post("/ocsp", data=b"x", content_type="text/plain", base_url=BASE).status_code == 415


def test_lists_and_certificates_are_where_certificates_say(desk: Desk) -> None:
    one = x509.load_der_x509_certificate(desk.certificate().der)
    points = one.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (crl_url,) = (name.value for point in points for name in point.full_name or ())
    access = one.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    urls = {each.access_method.dotted_string: each.access_location.value for each in access}
    got = desk.client.get(crl_url.removeprefix(BASE), base_url=BASE)
    assert got.mimetype == "application/pkix-crl"
    crl = x509.load_der_x509_crl(got.data)
    assert crl.is_signature_valid(desk.issuer.public_key())  # type: ignore[arg-type]
    (delta_point,) = crl.extensions.get_extension_for_class(x509.FreshestCRL).value
    delta_url = (delta_point.full_name or [])[0].value
    delta = x509.load_der_x509_crl(desk.client.get(delta_url.removeprefix(BASE), base_url=BASE).data)
    base = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
    assert base == crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    issuer_url = urls["1.3.6.1.5.5.7.48.2"]
    got = desk.client.get(issuer_url.removeprefix(BASE), base_url=BASE)
    assert x509.load_der_x509_certificate(got.data) == desk.issuer
    assert urls["1.3.6.1.5.5.7.48.1"] == f"{BASE}/ocsp"
    for path in ("/pki/0123456789abcdef.crl", "/pki/.crl", "/pki/x.cer", "/pki/" + "0" * 16):
        assert desk.client.get(path, base_url=BASE).status_code == 404


def test_only_under_its_own_name(desk: Desk, tmp_path: Path) -> None:
    assert desk.client.get("/pki/x.crl", base_url="https://mail.thanhpho.example").status_code == 404
    post = {"data": b"x", "content_type": "application/ocsp-request"}
    assert desk.client.post("/ocsp", base_url="https://mail.thanhpho.example", **post).status_code == 404
    (tmp_path / "other").mkdir()
    silent = create_app(town_hall.build(tmp_path / "other").services).test_client()
    assert silent.post("/ocsp", base_url=BASE, **post).status_code == 401
    assert silent.get("/pki/x.crl", base_url=BASE).status_code == 303
