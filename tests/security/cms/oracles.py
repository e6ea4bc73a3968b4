"""OpenSSL, NSS, GnuTLS and GnuPG as other people's S/MIME: each signs, verifies, encrypts and decrypts what is CMS.

NSS and GnuPG keep keys in stores of their own, which are filled once.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.interop.programs import find, run
from tests.security.cms.people import Person, authority, person

KINDS = ("rsa", "p256", "ed25519")


def signer(kind: str) -> Person:
    return person(kind, called=f"an-{kind}")


def reader(kind: str) -> Person:
    return person(kind, f"binh-{kind}@tphcm.gov.vn", called=f"binh-{kind}")


class Oracle:
    """Files in a folder, one program.  ``check`` raises if the signature is bad; what is read comes back as octets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "root.pem").write_bytes(authority().certificate_pem)

    def put(self, name: str, octets: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(octets)
        return path

    def take(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def keys(self, one: Person) -> tuple[Path, Path]:
        return self.put("key.pem", one.pem), self.put("cert.pem", one.certificate_pem)

    def run(self, program: str, *arguments: object, octets: bytes = b"") -> str:
        return run(program, *arguments, home=self.folder, octets=octets)


class Openssl(Oracle):
    def sign(self, kind: str, content: bytes, *options: str, opaque: bool = False, command: str = "cms") -> bytes:
        key, certificate = self.keys(signer(kind))
        self.put("in", content)
        how = ("-nodetach",) if opaque else ()
        which = ("-signer", certificate, "-inkey", key, *options, *how)
        self.run("openssl", command, "-sign", "-binary", "-in", "in", "-outform", "DER", "-out", "out", *which)
        return self.take("out")

    def check(self, cms: bytes, content: bytes | None, command: str = "cms") -> bytes:
        self.put("in", cms)
        detached = () if content is None else ("-content", self.put("content", content))
        where = ("-CAfile", "root.pem", "-purpose", "smimesign", "-binary", "-out", "out")
        self.run("openssl", command, "-verify", "-inform", "DER", "-in", "in", *detached, *where)
        return self.take("out")

    def encrypt(self, people: list[Person], content: bytes, *options: str) -> bytes:
        self.put("in", content)
        to: list[object] = []
        for number, one in enumerate(people):
            to += ["-recip", self.put(f"to{number}.pem", one.certificate_pem)]
            if "-keyopt" in options:
                to += options[options.index("-keyopt") :]
        plain = options[: options.index("-keyopt")] if "-keyopt" in options else options
        self.run("openssl", "cms", "-encrypt", "-binary", "-in", "in", "-outform", "DER", "-out", "out", *plain, *to)
        return self.take("out")

    def decrypt(self, one: Person, cms: bytes) -> bytes:
        key, certificate = self.keys(one)
        self.put("in", cms)
        which = ("-inkey", key, "-recip", certificate, "-binary", "-out", "out")
        self.run("openssl", "cms", "-decrypt", "-inform", "DER", "-in", "in", *which)
        return self.take("out")


class Gnutls(Oracle):
    """certtool signs and verifies; it knows no envelopes."""

    def sign(self, kind: str, content: bytes, *, opaque: bool = False) -> bytes:
        key, certificate = self.keys(signer(kind))
        how = "--p7-sign" if opaque else "--p7-detached-sign"
        which = ("--load-privkey", key, "--load-certificate", certificate, "--p7-time")
        self.run("certtool", how, *which, "--infile", self.put("in", content), "--outder", "--outfile", "out")
        return self.take("out")

    def check(self, cms: bytes, content: bytes | None) -> bytes:
        self.put("in", cms)
        detached = () if content is None else ("--load-data", self.put("content", content))
        where = ("--load-ca-certificate", "root.pem")
        said = self.run("certtool", "--p7-verify", "--inder", "--infile", "in", *detached, *where)
        assert "Signature status: ok" in said
        if content is not None:
            return content
        self.run("certtool", "--p7-info", "--p7-show-data", "--inder", "--infile", "in", "--outfile", "out")
        return self.take("out")


class Nss(Oracle):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.run("certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
        self.run("certutil", "-A", "-d", f"sql:{folder}", "-n", "root", "-t", ",C,", "-a", "-i", "root.pem")
        for one in (signer("rsa"), signer("p256"), reader("rsa"), reader("p256")):
            path = self.put("in.p12", packed(one))
            self.run("pk12util", "-i", path, "-d", f"sql:{folder}", "-W", PASSWORD)

    def _cmsutil(self, *arguments: object) -> None:
        self.run("cmsutil", "-d", f"sql:{self.folder}", *arguments)

    def sign(self, kind: str, content: bytes, *, opaque: bool = False) -> bytes:
        how = () if opaque else ("-T",)
        self._cmsutil("-S", "-N", f"an-{kind}", *how, "-G", "-P", "-i", self.put("in", content), "-o", "out")
        return self.take("out")

    def check(self, cms: bytes, content: bytes | None) -> bytes:
        detached = () if content is None else ("-c", self.put("content", content))
        # -u 4: certificate usage "email signer"
        self._cmsutil("-D", "-u", "4", *detached, "-i", self.put("in", cms), "-o", "out")
        return self.take("out")

    def encrypt(self, people: list[Person], content: bytes) -> bytes:
        to = [option for one in people for option in ("-r", address_of(one))]
        self._cmsutil("-E", *to, "-i", self.put("in", content), "-o", "out")
        return self.take("out")

    def decrypt(self, one: Person, cms: bytes) -> bytes:
        del one  # it looks for itself
        self._cmsutil("-D", "-i", self.put("in", cms), "-o", "out")
        return self.take("out")


class Gpgsm(Oracle):
    """GnuPG 2.2: it verifies ECDSA, and has private keys of RSA only."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.put("gpg-agent.conf", b"allow-loopback-pinentry\ns2k-count 65536\n")
        self.put("gpgsm.conf", b"disable-crl-checks\ndisable-dirmngr\nbatch\nyes\n")
        root = x509.load_der_x509_certificate(authority().certificate)
        self.put("trustlist.txt", root.fingerprint(hashes.SHA1()).hex().upper().encode() + b" S relax\n")
        self._gpgsm("--import", "root.pem")
        for one in (signer("rsa"), reader("rsa")):
            self._gpgsm("--import", self.put("in.p12", packed(one)))

    def _gpgsm(self, *arguments: object) -> str:
        secret = ("--pinentry-mode", "loopback", "--passphrase-fd", "0")
        return self.run("gpgsm", "--homedir", self.folder, *secret, *arguments, octets=PASSWORD.encode())

    def sign(self, kind: str, content: bytes, *, opaque: bool = False) -> bytes:
        how = "--sign" if opaque else "--detach-sign"
        self._gpgsm("-o", "out", "--local-user", f"an-{kind}", how, self.put("in", content))
        return self.take("out")

    def check(self, cms: bytes, content: bytes | None) -> bytes:
        detached = () if content is None else (self.put("content", content),)
        kept = ("-o", "out") if content is None else ()
        assert "Good signature" in self._gpgsm(*kept, "--verify", self.put("in", cms), *detached)
        return self.take("out") if content is None else content

    def encrypt(self, people: list[Person], content: bytes) -> bytes:
        to = [option for one in people for option in ("-r", address_of(one))]
        self._gpgsm("-o", "out", *to, "--encrypt", self.put("in", content))
        return self.take("out")

    def decrypt(self, one: Person, cms: bytes) -> bytes:
        del one  # it looks for itself
        self._gpgsm("-o", "out", "--decrypt", self.put("in", cms))
        return self.take("out")


PASSWORD = "x"


def packed(one: Person) -> bytes:
    """As PKCS #12, in the old encryption that all of them read."""
    old = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048)
    old = old.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())
    read = x509.load_der_x509_certificate(one.certificate)
    name = read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return pkcs12.serialize_key_and_certificates(str(name).encode(), one.key, read, None, old.build(PASSWORD.encode()))  # type: ignore[arg-type]


def address_of(one: Person) -> str:
    names = x509.load_der_x509_certificate(one.certificate).extensions
    return names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.RFC822Name)[0]


@contextlib.contextmanager
def gpgsm_home() -> Iterator[Path]:
    # Not below pytest's folders: the agent's socket has a short name or none.
    with tempfile.TemporaryDirectory(prefix="gpgsm-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o700)
        try:
            yield folder
        finally:
            subprocess.run([find("gpgconf"), "--homedir", name, "--kill", "all"], check=False, capture_output=True)
