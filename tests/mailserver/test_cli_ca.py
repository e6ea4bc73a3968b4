"""``citymail ca`` as it is installed: from the root's founding to a certificate that is taken back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from mailserver.cli import main
from mailserver.config import load, render
from mailserver.installation import install

Run = Callable[..., str]


@pytest.fixture
def citymail(tmp_path: Path) -> Run:
    path = tmp_path / "citymail.toml"
    values = {
        "city": {"domain": "city.vn", "hostname": "mail.city.vn", "name": "Thành phố"},
        "storage": {"data": str(tmp_path / "data")},
        "tls": {"certificate": str(tmp_path / "tls/server.pem"), "key": str(tmp_path / "tls/server.key")},
        "pki": {"host": "pki.city.vn", "key": "p256"},
    }
    path.write_text(render(values), encoding="utf-8")
    install(load(path))
    (tmp_path / "words").write_text("a passphrase of many words\n")

    def run(*arguments: object, status: int = 0, typed: str = "", proven: bool = False) -> str:
        environment = {"CITYMAIL_CONFIG": str(path), "CITYMAIL_LANG": "en"}
        if proven:
            environment["CITYMAIL_ADMIN_PASSWORD"] = PASSWORD
        words = [str(argument) for argument in arguments]
        result = CliRunner().invoke(main, words, env=environment, input=typed)
        assert result.exit_code == status, result.output + repr(result.exception)
        return result.output

    return run


@pytest.fixture
def founded(citymail: Run, tmp_path: Path) -> Run:
    found(citymail, tmp_path)
    return citymail


def found(citymail: Run, folder: Path) -> None:
    """The ceremony, with one machine in both roles."""
    safe, words = folder / "safe", ("--passphrase-file", folder / "words")
    citymail("ca", "root", safe, "--name", "Gốc", "--organization", "Thành phố", "--key", "p256", *words)
    citymail("ca", "init", "--name", "Nơi cấp", "--key", "p256")
    request = folder / "data/pki/issuing.csr"
    citymail("ca", "sign", safe, request, folder / "issuing.pem", "--host", "pki.city.vn", *words)
    citymail("ca", "install", folder / "issuing.pem", "--root", safe / "root.pem", "--crl", safe / "root.crl")
    citymail("ca", "crl")


def add_mailbox(citymail: Run) -> None:
    citymail("mailbox", "add", "vanthu@city.vn", "--name", "Văn thư")


def listed(citymail: Run, account: str = "vanthu@city.vn") -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(citymail("ca", "list", account, "--json"))
    return found


def test_the_ceremony_makes_what_openssl_believes(founded: Run, tmp_path: Path) -> None:
    add_mailbox(founded)
    assert "2 certificates issued" in founded("ca", "issue", "--all")
    status = json.loads(founded("ca", "status", "--json"))
    assert [(row["role"], row["state"]) for row in status["authorities"]] == [("issuing", "active"), ("root", "active")]
    assert {row["count"] for row in status["certificates"]} == {1}
    folder = tmp_path / "openssl"
    folder.mkdir()
    from directory.database import open_directory
    from directory.pki.issuers import crl_of, list_issuers
    from directory.tables import certificate

    directory = open_directory(load(tmp_path / "citymail.toml").directory_url)
    with directory.read() as conn:
        ends = [bytes(row.der) for row in conn.execute(certificate.select())]
        issuing, root = list_issuers(conn)
        lists = [crl_of(conn, issuing.id), crl_of(conn, root.id)]
    directory.close()
    (folder / "root.pem").write_bytes(issuers_pem(root.der))
    (folder / "between.pem").write_bytes(issuers_pem(issuing.der))
    (folder / "lists.pem").write_bytes(
        b"".join(x509.load_der_x509_crl(each.der).public_bytes(Encoding.PEM) for each in lists if each)
    )
    for number, der in enumerate(ends):
        end = folder / f"end{number}.pem"
        end.write_bytes(issuers_pem(der))
        flags = ("-x509_strict", "-crl_check_all", "-policy_check", "-CAfile", folder / "root.pem")
        done = subprocess.run(
            ["openssl", "verify", *flags, "-untrusted", folder / "between.pem", "-CRLfile", folder / "lists.pem", end],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == f"{end}: OK\n", done.stderr
        purposes = subprocess.run(
            ["openssl", "x509", "-in", end, "-noout", "-purpose"], capture_output=True, text=True, check=True
        ).stdout
        # openssl knows no encryption by key agreement alone: with RSA it does (test_profiles)
        assert "S/MIME encryption : No" in purposes
        assert "SSL server : No" in purposes
        assert "S/MIME signing CA : No" in purposes


def issuers_pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def test_keys_and_passphrases_are_their_owners_alone(founded: Run, tmp_path: Path) -> None:
    secret = [tmp_path / "safe/root.key", *(tmp_path / "data/pki" / name for name in ("issuing.key", "passphrase"))]
    for path in [*secret, tmp_path / "data/wrapping.key"]:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
    for path in secret[:2]:
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY")


def test_what_is_revoked_is_on_the_list_and_answers_so(founded: Run) -> None:
    add_mailbox(founded)
    founded("ca", "issue", "vanthu@city.vn")
    assert founded("ca", "crl") == "No list is due.\n"
    serial = listed(founded)[0]["serial"]
    assert "1 certificates revoked" in founded("ca", "revoke", serial, "--why", "key-compromise", "--reason", "mất máy")
    assert "delta list" in founded("ca", "crl")
    assert sorted(row["state"] for row in listed(founded)) == ["active", "revoked"]
    founded("ca", "issue", "--all")
    assert sorted(row["state"] for row in listed(founded)) == ["active", "active", "revoked"]
    assert "3 certificates revoked" not in founded("ca", "revoke", "vanthu@city.vn", "--why", "superseded")
    assert {row["state"] for row in listed(founded)} == {"revoked"}
    told = founded("audit", "search", "--json")
    assert "certificate.revoke" in told
    assert "mất máy" in told


def test_renewal_gives_others_in_their_place(founded: Run) -> None:
    add_mailbox(founded)
    founded("ca", "issue", "vanthu@city.vn")
    before = {row["serial"] for row in listed(founded)}
    assert "2 certificates issued" in founded("ca", "renew", "vanthu@city.vn")
    assert {row["serial"] for row in listed(founded) if row["state"] == "superseded"} == before


def test_a_decryption_key_is_taken_along_by_whom_it_belongs_to(founded: Run, tmp_path: Path) -> None:
    person = add_person(founded)
    founded("ca", "issue", "--all")
    target, words = tmp_path / "key.p12", ("--passphrase-file", tmp_path / "words")
    refused = founded("key", "export", person, target, *words, typed="wrong password\n\n", status=1)
    assert "wrong login or password" in refused
    founded("key", "export", person, target, *words, typed=f"{PASSWORD}\n\n")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    packed = pkcs12.load_pkcs12(target.read_bytes(), b"a passphrase of many words")
    assert packed.cert is not None
    assert packed.key is not None
    assert packed.key.public_key() == packed.cert.certificate.public_key()
    assert len(packed.additional_certs) == 2
    done = subprocess.run(
        ["openssl", "pkcs12", "-in", target, "-passin", f"file:{tmp_path / 'words'}", "-noout", "-info"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PBES2, PBKDF2, AES-256-CBC" in done.stderr
    signing = next(row["serial"] for row in listed(founded, person) if row["purpose"] == "signing")
    no_file = tmp_path / "no.p12"
    typed = f"{PASSWORD}\n\n"
    refused = founded("key", "export", person, no_file, "--certificate", signing, *words, typed=typed, status=1)
    assert "leave this installation for nobody" in refused
    assert not no_file.exists()


def test_a_recovery_from_the_first_share_to_the_last_key(founded: Run, tmp_path: Path) -> None:
    person = add_person(founded)
    safe, words = tmp_path / "shares", "Decision 7/QD-UBND"
    founded("ca", "escrow", "create", safe, "--shares", "3", "--needed", "2")
    assert sorted(path.name for path in safe.iterdir()) == ["recovery.pub", *(f"share-{n}.txt" for n in (1, 2, 3))]
    assert stat.S_IMODE((safe / "share-1.txt").stat().st_mode) == 0o600
    founded("ca", "escrow", "install", safe / "recovery.pub")
    founded("ca", "issue", "--all")
    status = json.loads(founded("key", "status", "--json"))
    assert (status["is_there"], status["pairs"], status["unescrowed"]) == (False, 1, 0)
    assert "administrators who sign in" in founded("ca", "escrow", "ask", person, "--why", words, status=1)
    officers = [add_person(founded, name, "CHIEF") for name in ("Trần Một", "Lê Hai")]
    for officer in officers:
        founded("admin", "grant", officer, "city-admin")
    acting = [("--as", officer) for officer in officers]
    asked = json.loads(founded(*acting[0], "ca", "escrow", "ask", person, "--why", words, "--json", proven=True))
    number = asked["recovery"]
    assert "another officer" in founded(*acting[0], "ca", "escrow", "approve", number, proven=True, status=1)
    founded(*acting[1], "ca", "escrow", "approve", number, proven=True)
    assert words in founded("ca", "escrow", "list")

    assert "0 keys were lost" in founded("key", "give-up", person, "--yes")
    founded("ca", "issue", person)
    errand, answer = tmp_path / "errand.json", tmp_path / "answer.json"
    told = founded("ca", "escrow", "errand", number, errand)
    assert f"asked for by {officers[0]}, approved by {officers[1]}: {words}" in told
    shares = [("--share", safe / f"share-{point}.txt") for point in (3, 1)]
    assert "2 different shares" in founded("ca", "escrow", "open", errand, answer, *shares[0], status=1)
    founded("ca", "escrow", "open", errand, answer, *shares[0], *shares[1])
    assert "1 keys of" in founded("ca", "escrow", "restore", answer)
    assert "level managed" in founded("key", "show", person)
    assert "3 keys, 2 of them in escrow" in founded("key", "show", person)


def test_levels_and_what_a_reset_says(founded: Run) -> None:
    person = add_person(founded)
    assert "sealed" in founded("key", "level", "SYT", "sealed")
    founded("ca", "issue", "--all")
    assert "level sealed; opened by: the installation's key; 2 keys, 0 of them in escrow" in founded(
        "key", "show", person
    )
    founded("key", "level", "SYT", "inherit")
    assert "level managed" in founded("key", "show", person)
    assert "sealed under" not in founded("mailbox", "passwd", person, "--generate")


PASSWORD = "tám con trâu vàng"


def add_person(citymail: Run, name: str = "Nguyễn Văn An", position: str = "CV") -> str:
    if "SYT" not in citymail("unit", "list"):
        citymail("unit", "define-type", "dept", "--name", "Sở")
        citymail("unit", "add", "Sở Y tế", "--short", "SYT", "--type", "dept", "--from", "2020-01-01")
        citymail("official", "define-position", "CHIEF", "--title", "Người đứng đầu", "--rank", "1")
    place = ("--unit", "SYT", "--position", position, "--password-stdin")
    added = citymail("official", "add", "--name", name, *place, "--json", typed=PASSWORD)
    login: str = json.loads(added)["login"]
    return login


def test_the_root_renews_its_list_and_ends_an_authority(founded: Run, tmp_path: Path) -> None:
    words = ("--passphrase-file", tmp_path / "words")
    old = (tmp_path / "safe/root.crl").read_bytes()
    founded("ca", "root-crl", tmp_path / "safe", *words)
    founded("ca", "take-crl", tmp_path / "safe/root.crl")
    (tmp_path / "old.crl").write_bytes(old)
    assert "cannot be used" in founded("ca", "take-crl", tmp_path / "old.crl", status=1)
    founded("ca", "root-crl", tmp_path / "safe", "--revoke", tmp_path / "issuing.pem", "--why", "ca-compromise", *words)
    founded("ca", "take-crl", tmp_path / "safe/root.crl")
    assert json.loads(founded("ca", "status", "--json"))["authorities"][0]["state"] == "retired"
    add_mailbox(founded)
    assert "no certificate authority" in founded("ca", "issue", "--all", status=3)


def test_mistakes_are_told_and_change_nothing(citymail: Run, tmp_path: Path) -> None:
    words = ("--passphrase-file", tmp_path / "words")
    assert "no certificate authority" in citymail("ca", "issue", "--all", status=3)
    found(citymail, tmp_path)
    assert "there already" in citymail("ca", "root", tmp_path / "safe", "--name", "x", *words, status=1)
    assert "there already" in citymail("ca", "init", "--name", "x", status=1)
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase\n")
    assert "cannot be opened" in citymail("ca", "root-crl", tmp_path / "safe", "--passphrase-file", wrong, status=1)
    again = ("ca", "install", tmp_path / "issuing.pem", "--root", tmp_path / "safe/root.pem")
    assert "here already" in citymail(*again, "--crl", tmp_path / "safe/root.crl", status=4)
    assert "was not issued by that root" in citymail(
        "ca", "install", tmp_path / "issuing.pem", "--root", tmp_path / "issuing.pem",
        "--crl", tmp_path / "safe/root.crl", status=1,
    )  # fmt: skip
    assert "no certificate" in citymail("ca", "revoke", "nobody", "--why", "superseded", status=3)
    (tmp_path / "data/pki/passphrase").write_text("changed\n")
    add_mailbox(citymail)
    assert "cannot be opened" in citymail("ca", "issue", "--all", status=1)
