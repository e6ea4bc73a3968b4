"""An authority whose key is in a token: SoftHSM's, with openssl as the judge of what it signed."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from security.authority.issuing import Issuer, is_issued_by, is_pair, issue, make_request, make_root
from security.authority.key_kinds import KeyFault
from security.authority.key_places import Safe, is_place, make_key_at, open_key
from security.authority.names import subject
from security.authority.profiles import ISSUING
from security.authority.revocation_lists import full_list
from security.keys.installation import Succession
from security.keys.token import make_token_key as make_wrapping_key
from security.keys.token import open_token_key as open_wrapping_key
from security.keys.wrapping import WrappingFault, new_key
from tests.security.authority.making import NOW, der, end

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "271828"


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Safe:
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(settings))  # read once, when the library is loaded
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", "city", "--so-pin", "314159", "--pin", PIN],
            check=True,
            capture_output=True,
        )
        made = Safe(folder, module=str(MODULE), pin=PIN)
        make_key_at(made, "pkcs11:token=city;object=warm", "p256")
    return made


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_a_token_signs_what_a_file_would(safe: Safe, kind: str, tmp_path: Path) -> None:
    place = f"pkcs11:token=city;object=root-{kind}"
    key = make_key_at(safe, place, kind)
    made = make_root(key, subject("Root in a token"), serial=7, now=NOW)
    again = open_key(safe, place)
    assert is_pair(made, again)
    root = Issuer(made, again)
    below = issue(root, ISSUING, make_key_at(safe, f"pkcs11:token=city;object=between-{kind}", kind).public_key(),
                  subject=subject("Between"), serial=8, now=NOW)  # fmt: skip
    issuing = Issuer(below, open_key(safe, f"pkcs11:token=city;object=between-{kind}"))
    leaf = end(issuing, "an@city.gov.vn")
    assert is_issued_by(below, made)
    assert is_issued_by(leaf, below)
    lists = [full_list(each, [], number=1, now=NOW, next_update=NOW + timedelta(days=9)) for each in (root, issuing)]
    for name, paper in {"root": made, "between": below, "leaf": leaf}.items():
        (tmp_path / f"{name}.pem").write_bytes(paper.public_bytes(Encoding.PEM))
    (tmp_path / "lists.pem").write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in lists))
    at = str(int(NOW.timestamp()) + 60)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check_all", "-attime", at, "-CAfile", tmp_path / "root.pem",
         "-untrusted", tmp_path / "between.pem", "-CRLfile", tmp_path / "lists.pem", tmp_path / "leaf.pem"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("leaf.pem: OK\n"), done.stdout + done.stderr
    assert x509.load_der_x509_csr(make_request(key, subject("x")).public_bytes(Encoding.DER)).is_signature_valid
    assert der(made) != der(below)


def test_what_cannot_be_had_is_told(safe: Safe) -> None:
    with pytest.raises(KeyFault, match="has no key"):
        open_key(safe, "pkcs11:token=city;object=nothing")
    with pytest.raises(KeyFault, match="already"):
        make_key_at(safe, "pkcs11:token=city;object=warm", "p256")
    with pytest.raises(KeyFault, match="cannot be opened"):
        open_key(Safe(safe.folder, module=str(MODULE), pin="0000"), "pkcs11:token=city;object=warm")
    with pytest.raises(KeyFault, match="cannot be opened"):
        open_key(Safe(safe.folder, module="/nowhere.so", pin=PIN), "pkcs11:token=city;object=warm")
    for place in ("file:../root.key", "file:.hidden", "pkcs11:object=x", "file:a/b", ""):
        assert not is_place(place) or place == "file:.hidden"
        with pytest.raises(KeyFault):
            open_key(safe, place)


def test_a_file_is_opened_by_its_passphrase_only(tmp_path: Path) -> None:
    safe = Safe(tmp_path / "new", b"a passphrase of many words")
    made = make_key_at(safe, "file:issuing.key", "p256")
    assert open_key(safe, "file:issuing.key").public_key() == made.public_key()
    for wrong in (Safe(safe.folder, b"another"), Safe(safe.folder)):
        with pytest.raises(KeyFault, match="cannot be opened"):
            open_key(wrong, "file:issuing.key")
    with pytest.raises(KeyFault, match="needs a passphrase"):
        make_key_at(Safe(safe.folder), "file:other.key", "p256")
    assert b"passphrase" not in repr(safe).encode() or "many words" not in repr(safe)


def test_a_token_wraps_and_lets_nothing_out(safe: Safe) -> None:
    made = make_wrapping_key(safe.module, safe.pin, "city", "wrapping")
    wrapped = made.wrap(b"a secret", "pair", "one")
    again = open_wrapping_key(safe.module, safe.pin, "city", "wrapping")
    assert again.unwrap(wrapped, "pair", "one") == b"a secret"
    assert make_wrapping_key(safe.module, safe.pin, "city", "wrapping").unwrap(wrapped, "pair", "one")
    for octets, bound in ((wrapped, ("pair", "two")), (wrapped[:-1] + b"x", ("pair", "one")), (b"", ()), (b"x", ())):
        with pytest.raises(WrappingFault):
            again.unwrap(octets, *bound)
    other = make_wrapping_key(safe.module, safe.pin, "city", "other")
    with pytest.raises(WrappingFault):
        other.unwrap(wrapped, "pair", "one")
    with pytest.raises(KeyFault, match="no key"):
        open_wrapping_key(safe.module, safe.pin, "city", "nowhere")
    with pytest.raises(pkcs11.exceptions.PKCS11Error):
        made._key[pkcs11.Attribute.VALUE]  # it shows its octets to nobody


def test_what_lay_under_a_file_goes_over_to_a_token(safe: Safe) -> None:
    former = new_key()
    token = make_wrapping_key(safe.module, safe.pin, "city", "successor")
    succession = Succession(token, former)
    of_old = former.wrap(b"a secret", "pair", "one")
    assert succession.unwrap(of_old, "pair", "one") == b"a secret"
    assert succession.is_behind(of_old, "pair", "one")
    anew = succession.wrap(b"a secret", "pair", "one")
    assert not succession.is_behind(anew, "pair", "one")
    assert token.unwrap(anew, "pair", "one") == b"a secret"
