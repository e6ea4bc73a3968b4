"""Every operation both ways with OpenSSL, NSS, GnuTLS and GnuPG.

What they cannot do themselves (Debian 12) is not in the tables: OpenSSL 3.0 has no Ed25519 in CMS, no PSS in `smime`,
no X25519 recipients and no compression; NSS 3.87 no ECDH recipients and no AuthEnvelopedData; certtool no envelopes;
GnuPG 2.2 has ECDSA only for verifying, and no OAEP.
"""

from __future__ import annotations

import pytest

from security.cms import MemoryKey, Recipient, Signing, Verdict, open_message, verify
from security.cms.enveloped import encrypt_enveloped
from security.cms.signing import sign_content
from tests.security.cms.oracles import Gnutls, Gpgsm, Nss, Openssl, gpgsm_home, reader, signer
from tests.security.cms.people import NOW, authority, trusting
from tests.security.cms.wrapping import PAYLOAD, detached, enclosed


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    with gpgsm_home() as home:
        folders = {name: tmp_path_factory.mktemp(name) for name in ("openssl", "gnutls", "nss")}
        yield {
            "openssl": Openssl(folders["openssl"]),
            "gnutls": Gnutls(folders["gnutls"]),
            "nss": Nss(folders["nss"]),
            "gpgsm": Gpgsm(home),
        }


def ours(*kinds, opaque, pss=False):
    keys = [MemoryKey(signer(kind).key, signer(kind).certificate, pss=pss) for kind in kinds]
    signing = Signing(keys, NOW, companions=(authority().certificate,))
    return b"".join(sign_content([PAYLOAD], signing, detached=not opaque))


def read(octets, *keys):
    found = open_message(octets, at=NOW, now=NOW, judge=trusting(), keys=[one.memory for one in keys])
    assert found.fault is None, found.fault
    return found


SIGNING = [
    ("openssl", "rsa"),
    ("openssl", "p256"),
    ("nss", "rsa"),
    ("nss", "p256"),
    ("gnutls", "rsa"),
    ("gnutls", "p256"),
    ("gnutls", "ed25519"),
    ("gpgsm", "rsa"),
]


@pytest.mark.parametrize("opaque", [False, True], ids=["detached", "opaque"])
@pytest.mark.parametrize(("program", "kind"), [*SIGNING, ("gpgsm", "p256")])
def test_they_verify_what_we_sign(programs, program, kind, opaque):
    made = ours(kind, opaque=opaque)
    assert programs[program].check(made, None if opaque else PAYLOAD) == PAYLOAD
    broken = made[:-1] + bytes((made[-1] ^ 1,))
    with pytest.raises(AssertionError):
        programs[program].check(broken, None if opaque else PAYLOAD)


@pytest.mark.parametrize("opaque", [False, True], ids=["detached", "opaque"])
@pytest.mark.parametrize(("program", "kind"), SIGNING)
def test_we_verify_what_they_sign(programs, program, kind, opaque):
    made = programs[program].sign(kind, PAYLOAD, opaque=opaque)
    found = verify(enclosed(made) if opaque else detached(made), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.VALID, None)
    assert found.entity.octets == PAYLOAD


@pytest.mark.parametrize("command", ["cms", "smime"])
def test_openssl_has_two_programs(programs, command):
    openssl = programs["openssl"]
    assert openssl.check(ours("rsa", opaque=False), PAYLOAD, command) == PAYLOAD
    made = openssl.sign("rsa", PAYLOAD, command=command)
    assert verify(detached(made), at=NOW, judge=trusting()).verdict is Verdict.VALID


def test_pss_and_several_signers(programs):
    assert programs["openssl"].check(ours("rsa", opaque=False, pss=True), PAYLOAD) == PAYLOAD
    assert programs["gnutls"].check(ours("rsa", opaque=False, pss=True), PAYLOAD) == PAYLOAD
    assert programs["nss"].check(ours("rsa", opaque=False, pss=True), PAYLOAD) == PAYLOAD
    both = ours("rsa", "p256", opaque=False)
    for name in ("openssl", "gnutls", "nss", "gpgsm"):
        assert programs[name].check(both, PAYLOAD) == PAYLOAD


@pytest.mark.parametrize(
    "options",
    [
        ("-stream", "-nodetach"),
        ("-keyid",),
        ("-noattr",),
        ("-noattr", "-nodetach"),
        ("-md", "sha512"),
        ("-md", "sha384"),
        ("-nosmimecap",),
        ("-cades",),
        ("-keyopt", "rsa_padding_mode:pss"),
        ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"),
    ],
    ids=" ".join,
)
def test_openssl_signs_in_many_ways(programs, options):
    made = programs["openssl"].sign("rsa", PAYLOAD, *options)
    opaque = "-nodetach" in options
    found = verify(enclosed(made) if opaque else detached(made), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.VALID, None)


def test_sha1_is_weak_and_said_to_be(programs):
    found = verify(detached(programs["openssl"].sign("rsa", PAYLOAD, "-md", "sha1")), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.UNSUPPORTED, "weak-algorithm")


@pytest.mark.parametrize(
    ("program", "kinds", "capabilities"),
    [
        ("openssl", ["rsa"], []),
        ("openssl", ["rsa"], ["rsa-oaep"]),
        ("openssl", ["p256"], []),
        ("openssl", ["p384"], []),
        ("openssl", ["rsa", "p256"], []),
        ("openssl", ["rsa"], ["aes256-gcm"]),
        ("openssl", ["rsa", "p256"], ["aes256-gcm", "rsa-oaep"]),
        ("nss", ["rsa"], []),
        ("gpgsm", ["rsa"], []),
    ],
)
def test_they_decrypt_what_we_encrypt(programs, program, kinds, capabilities):
    to = [Recipient(reader(kind).certificate, capabilities=frozenset(capabilities)) for kind in kinds]
    made = b"".join(encrypt_enveloped([PAYLOAD], to))
    for kind in kinds:
        assert programs[program].decrypt(reader(kind), made) == PAYLOAD


@pytest.mark.parametrize(
    ("kinds", "options"),
    [
        (["rsa"], ("-aes128",)),
        (["rsa"], ("-aes192",)),
        (["rsa"], ("-aes256",)),
        (["rsa"], ("-des3",)),
        (["rsa"], ("-aes256", "-stream")),
        (["rsa"], ("-aes256", "-keyid")),
        (["rsa"], ("-aes-128-gcm",)),
        (["rsa"], ("-aes-192-gcm",)),
        (["rsa"], ("-aes-256-gcm", "-stream")),
        (["rsa"], ("-aes256", "-keyopt", "rsa_padding_mode:oaep")),
        (["rsa"], ("-aes256", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")),
        (
            ["rsa"],
            (
                "-aes256",
                "-keyopt",
                "rsa_padding_mode:oaep",
                "-keyopt",
                "rsa_oaep_md:sha512",
                "-keyopt",
                "rsa_mgf1_md:sha1",
            ),
        ),
        (["p256"], ("-aes128",)),
        (["p256"], ("-aes256", "-stream")),
        (["p256"], ("-aes256", "-keyid")),
        (["p256"], ("-aes-256-gcm",)),
        (["p256"], ("-aes256", "-keyopt", "ecdh_kdf_md:sha256")),
        (["p256"], ("-aes256", "-keyopt", "ecdh_kdf_md:sha384")),
        (["p256"], ("-aes256", "-keyopt", "ecdh_kdf_md:sha512")),
        (["p256"], ("-aes192", "-keyopt", "ecdh_kdf_md:sha224")),
        (["p384"], ("-aes256",)),
        (["p256", "rsa"], ("-aes256",)),
    ],
    ids=lambda value: " ".join(value),
)
def test_we_decrypt_what_openssl_encrypts(programs, kinds, options):
    made = programs["openssl"].encrypt([reader(kind) for kind in kinds], PAYLOAD, *options)
    for kind in kinds:
        found = read(enclosed(made), reader(kind))
        assert found.is_encrypted
        assert found.entity.octets == PAYLOAD


@pytest.mark.parametrize("program", ["nss", "gpgsm"])
def test_we_decrypt_what_others_encrypt(programs, program):
    made = programs[program].encrypt([reader("rsa")], PAYLOAD)
    assert read(enclosed(made), reader("rsa")).entity.octets == PAYLOAD


def test_whole_messages_of_openssl(programs):
    """Its own MIME: multipart/signed and pkcs7-mime as `openssl cms` writes them, with LF for line ends."""
    openssl = programs["openssl"]
    key, certificate = openssl.keys(signer("rsa"))
    openssl.put("in", PAYLOAD)
    who = ("-from", "an@tphcm.gov.vn", "-to", "binh@tphcm.gov.vn", "-subject", "x")
    openssl.run("openssl", "cms", "-sign", "-in", "in", "-signer", certificate, "-inkey", key, *who, "-out", "message")
    found = verify(openssl.take("message"), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.VALID, None)
    to = openssl.put("to.pem", reader("rsa").certificate_pem)
    openssl.run("openssl", "cms", "-encrypt", "-aes256", "-in", "message", *who, "-out", "sealed", to)
    found = read(openssl.take("sealed"), reader("rsa"))
    assert (found.verdict, found.is_encrypted) == (Verdict.VALID, True)
