"""Other people's programs log in: SCRAM with and without channel binding, certificates, tokens, app passwords.

gsasl, curl and mbsync know nothing of our code; each bad login is tried beside the good one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm

from tests.interop.programs import run
from tests.live import LiveServer

ISSUER, AUDIENCE = "https://sso.thanhpho.example", "citymail"
SIGNER = ec.generate_private_key(ec.SECP256R1())
LOGIN_DENIED = 67


def issue(folder: Path, authority: str, address: str) -> tuple[Path, Path]:
    """A client's certificate, and its key; the authority's certificate is made beside them."""
    now = datetime.now(UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority)])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))

    root = builder(issuer, authority_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    person = builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An")]), key.public_key()).add_extension(
        x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False
    )
    pem = serialization.Encoding.PEM
    (folder / f"{authority}.pem").write_bytes(root.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    certificate, key_file = folder / f"{authority}-client.pem", folder / f"{authority}-client.key"
    certificate.write_bytes(person.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return certificate, key_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logins")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[LiveServer]:
    """A server that takes whatever it can take; passwords are never shown to it without TLS."""
    issue(folder, "ours", "an@thanhpho.example")
    issue(folder, "strangers", "an@thanhpho.example")
    keys = {"keys": [{**ECAlgorithm.to_jwk(SIGNER.public_key(), as_dict=True), "kid": "one"}]}
    (folder / "keys.json").write_text(json.dumps(keys))
    live = LiveServer(
        folder / "city",
        settings={
            "workers": {"web": 0, "mail": 1},
            "login": {
                "plaintext_networks": (),
                "scram_plus": ("imap", "submission"),
                "oauth_issuer": ISSUER,
                "oauth_audience": AUDIENCE,
                "oauth_keys": str(folder / "keys.json"),
            },
            "tls": {"client_authorities": str(folder / "ours.pem")},
        },
    )
    live.add_accounts(["an", "binh"])
    live.start()
    yield live
    assert live.stop() == 0
    assert "Traceback" not in live.log_path.read_text(encoding="utf-8")
    assert live.citymail("check").strip() == "All is well."


# --- SCRAM ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
@pytest.mark.parametrize("protocol", ["imap", "smtp"])
def test_gsasl(server: LiveServer, tmp_path: Path, protocol: str, mechanism: str, version: str) -> None:
    """It binds to tls-unique under TLS 1.2 and to tls-exporter under TLS 1.3."""
    port = server.ports["imap" if protocol == "imap" else "submission"]

    def log_in(password: str, status: int) -> str:
        unbound = () if mechanism.endswith("PLUS") else ("--no-cb",)
        return run(
            *("gsasl", f"--{protocol}", "--starttls", f"--connect=localhost:{port}", "--mechanism", mechanism),
            *("-a", "an@thanhpho.example", "-p", password, f"--x509-ca-file={server.ca_file}", *unbound),
            *("--priority", f"NORMAL:-VERS-ALL:+VERS-{version}"),
            home=tmp_path,
            status=status,
        )

    # the server has proven that it knows the password too
    assert "Client authentication finished (server trusted)" in log_in(server.password, 0)
    assert "authentication finished" not in log_in("sai", 1)


def test_mbsync_by_scram(server: LiveServer, tmp_path: Path) -> None:
    def sync(password: str, status: int) -> str:
        (tmp_path / "mail").mkdir(exist_ok=True)
        (tmp_path / "mbsyncrc").write_text(
            f"IMAPAccount city\nHost localhost\nPort {server.ports['imaps']}\nUser an@thanhpho.example\n"
            f"Pass {password}\nSSLType IMAPS\nSystemCertificates no\nCertificateFile {server.ca_file}\n"
            "AuthMechs SCRAM-SHA-256\n\nIMAPStore server\nAccount city\n\n"
            f"MaildirStore here\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\nSubFolders Verbatim\n\n"
            "Channel all\nFar :server:\nNear :here:\nPatterns *\nCreate Near\nSyncState *\n"
        )
        return run("mbsync", "--config", tmp_path / "mbsyncrc", "--all", home=tmp_path, status=status)

    sync("sai", 1)
    assert not (tmp_path / "mail" / "INBOX").exists()
    sync(server.password, 0)
    assert (tmp_path / "mail" / "INBOX" / "cur").is_dir()


# --- curl: certificates, tokens, app passwords ------------------------------------------------------------------------

Curl = Callable[..., str]


@pytest.fixture
def curl(server: LiveServer, tmp_path: Path) -> Curl:
    def call(service: str, *arguments: object, status: int | tuple[int, ...] = 0) -> str:
        scheme = {"submission": "smtp", "submissions": "smtps"}.get(service, service)
        sending = ("--request", "NOOP") if scheme.startswith("smtp") else ()
        return run(
            *("curl", "--silent", "--show-error", "--cacert", server.ca_file, "--ssl-reqd", *arguments, *sending),
            f"{scheme}://localhost:{server.ports[service]}/",
            home=tmp_path,
            status=status,
        )

    return call


SERVICES = ["imap", "imaps", "submission", "submissions"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_certificate(curl: Curl, folder: Path, service: str) -> None:
    def shown(authority: str) -> tuple[object, ...]:
        return ("--cert", folder / f"{authority}-client.pem", "--key", folder / f"{authority}-client.key")

    external = ("--login-options", "AUTH=EXTERNAL", "--user")
    curl(service, *shown("ours"), *external, "an@thanhpho.example:")
    # for somebody else, without a certificate, and with one of an authority that is not ours
    curl(service, *shown("ours"), *external, "binh@thanhpho.example:", status=LOGIN_DENIED)
    curl(service, *external, "an@thanhpho.example:", status=LOGIN_DENIED)
    curl(service, *shown("strangers"), *external, "an@thanhpho.example:", status=(35, 55, 56, 58, LOGIN_DENIED, 8))


def test_other_servers_may_have_certificates_of_their_own(server: LiveServer, tmp_path: Path, folder: Path) -> None:
    """The city's authority vouches for officials; nobody else who comes with mail is asked for it."""
    run(
        *("swaks", "--server", "127.0.0.1", "--port", str(server.ports["smtp"]), "--tls", "--timeout", "20"),
        *("--tls-cert", folder / "strangers-client.pem", "--tls-key", folder / "strangers-client.key"),
        *("--from", "khach@ngoai.example", "--to", "an@thanhpho.example"),
        home=tmp_path,
    )


def token(**claims: object) -> str:
    told = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 300, "email": "an@thanhpho.example", **claims}
    return jwt.encode(told, SIGNER, algorithm="ES256", headers={"kid": "one"})


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_token(curl: Curl, service: str, mechanism: str) -> None:
    def log_in(shown: str, login: str = "an@thanhpho.example", status: int = 0) -> None:
        options = ("--login-options", f"AUTH={mechanism}", "--user", f"{login}:", "--oauth2-bearer", shown)
        curl(service, *options, status=status)

    log_in(token())
    log_in(token(aud="another"), status=LOGIN_DENIED)
    log_in(token(exp=time.time() - 3600), status=LOGIN_DENIED)
    log_in(token(), "binh@thanhpho.example", status=LOGIN_DENIED)


def test_an_app_password(server: LiveServer, curl: Curl) -> None:
    made = json.loads(
        server.citymail("mailbox", "app-password", "add", "binh", "curl", "--for", "imap", "--json", "--config",
                        str(server.config_path))
    )  # fmt: skip
    deadline = time.monotonic() + 20
    shown = ("--user", f"binh@thanhpho.example:{made['password']}")
    while "LIST" not in curl("imaps", *shown, status=(0, LOGIN_DENIED)):
        assert time.monotonic() < deadline, "the server has not noticed the app password"
    curl("imap", *shown)
    curl("submission", *shown, status=LOGIN_DENIED)
    listed = json.loads(server.citymail("mailbox", "app-password", "list", "binh", "--json"))
    assert listed[0]["used_by"] == "imap"
    server.citymail("mailbox", "app-password", "revoke", "binh", "curl")
    while "LIST" in curl("imaps", *shown, status=(0, LOGIN_DENIED)):
        assert time.monotonic() < deadline + 20, "the server has not noticed the revocation"


def test_a_hidden_capability(server: LiveServer, curl: Curl) -> None:
    server.citymail("mailbox", "hide-capability", "binh", "IDLE", "MOVE")
    shown = ("--user", f"binh@thanhpho.example:{server.password}", "--request", "CAPABILITY", "--verbose")
    deadline = time.monotonic() + 20
    while " IDLE" in (said := curl("imaps", *shown)).rpartition("* CAPABILITY")[2]:
        assert time.monotonic() < deadline, "the server has not noticed what is to be hidden"
    assert " UIDPLUS" in said.rpartition("* CAPABILITY")[2]
    curl("imaps", "--user", f"binh@thanhpho.example:{server.password}", "--request", "IDLE", status=(21, 8, 56, 78))
