"""CRLs and deltas, as openssl reads them and acts on them."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from security.authority.profiles import Places
from security.authority.revocation_lists import REASONS, Revoked, delta_list, full_list
from tests.security.authority.making import NOW, below, end, root

PLACES = Places(("http://pki.example/a.crl",), ("http://pki.example/a-delta.crl",))
LATER = NOW + timedelta(days=4)


def test_a_list_says_what_rfc_5280_wants_of_it() -> None:
    issuer = below(root(), places=PLACES)
    revoked = [Revoked(number + 1, NOW, reason) for number, reason in enumerate(REASONS)]
    made = full_list(issuer, revoked, number=7, now=NOW, next_update=LATER)
    assert made.is_signature_valid(issuer.certificate.public_key())  # type: ignore[arg-type]
    assert (made.last_update_utc, made.next_update_utc) == (NOW, LATER)
    assert {type(each.value) for each in made.extensions} == {
        x509.AuthorityKeyIdentifier,
        x509.CRLNumber,
        x509.FreshestCRL,
    }
    told = {entry.serial_number: [each.value for each in entry.extensions] for entry in made}
    assert told[1] == []  # unspecified is left out (§5.3.1)
    assert told[2] == [x509.CRLReason(x509.ReasonFlags.key_compromise)]
    assert len(told) == len(REASONS)


def test_a_delta_names_its_base_and_is_critical() -> None:
    issuer = below(root(), places=PLACES)
    made = delta_list(issuer, [Revoked(3, NOW)], number=8, base=7, now=NOW, next_update=LATER)
    indicator = made.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert (indicator.critical, indicator.value.crl_number) == (True, 7)
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.FreshestCRL)


def test_many_entries_cost_as_many_times_one() -> None:
    issuer = below(root(), places=PLACES)
    made = full_list(
        issuer, [Revoked(number, NOW, "superseded") for number in range(1, 5001)], number=1, now=NOW, next_update=LATER
    )
    assert len(made) == 5000


@pytest.mark.parametrize(("known", "verdict"), [("nothing", "OK"), ("full", "revoked"), ("delta", "revoked")])
def test_openssl_obeys_them(tmp_path: Path, known: str, verdict: str) -> None:
    above = root()
    issuer = below(above, places=PLACES)
    made = end(issuer, "an@city.gov.vn")
    gone = [Revoked(made.serial_number, NOW, "key-compromise")]
    full = full_list(issuer, gone if known == "full" else [], number=1, now=NOW, next_update=LATER)
    delta = delta_list(
        issuer, gone if known == "delta" else [], number=2, base=1, now=NOW, next_update=NOW + timedelta(hours=6)
    )
    own = full_list(above, [], number=1, now=NOW, next_update=LATER)
    papers = {"root": above.certificate, "issuing": issuer.certificate, "end": made, "full": full}
    for name, paper in {**papers, "delta": delta, "own": own}.items():
        (tmp_path / f"{name}.pem").write_bytes(paper.public_bytes(Encoding.PEM))
    lists = tmp_path / "lists.pem"
    lists.write_bytes(b"".join((tmp_path / f"{name}.pem").read_bytes() for name in ("full", "delta", "own")))
    checked = subprocess.run(
        ["openssl", "crl", "-in", tmp_path / "full.pem", "-noout", "-CAfile", tmp_path / "issuing.pem"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "verify OK" in checked.stderr
    flags = ("-crl_check_all", "-extended_crl", "-use_deltas", "-attime", str(int(NOW.timestamp()) + 60))
    files = ("-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "issuing.pem", "-CRLfile", lists)
    done = subprocess.run(
        ["openssl", "verify", *flags, *files, tmp_path / "end.pem"], capture_output=True, text=True, check=False
    )
    assert verdict in done.stdout + done.stderr
    assert (done.returncode == 0) == (verdict == "OK")
