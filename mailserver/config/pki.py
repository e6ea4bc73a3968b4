"""Section of the configuration for the city's own certificates."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import DOMAIN, option


@dataclass(frozen=True, slots=True)
class Pki:
    enrol: bool = option(
        False,
        "Give everybody and every mailbox certificates, and keep them what they should be. The authority is founded\n"
        "first: docs/pki.md.",
    )
    host: str = option(
        "",
        "Name of this server under which CRLs and answers about certificates (OCSP) are served, over plain HTTP by\n"
        "the webmail's ports. It stands in every certificate, and can hardly be changed later. Empty: nothing is.",
        form=DOMAIN,
        empty=True,
    )
    key: str = option(
        "rsa2048",
        "Kind of people's keys. RSA is read by every mail program; p256 is made a thousand times faster.",
        choices=("rsa2048", "rsa3072", "p256"),
    )
    days: int = option(730, "Days that a certificate holds.", low=30, high=825)
    renew_days: int = option(60, "Days before its end when another takes its place.", low=1, high=400)
    passphrase_file: str = option(
        "", "File with the passphrase of the authority's key. Empty: pki/passphrase in the data folder."
    )
    token_library: str = option(
        "", "PKCS#11 library of the token that holds the authority's key, as /usr/lib/softhsm/libsofthsm2.so."
    )
    token_pin_file: str = option("", "File with the token's PIN.")
    fetch_hosts: tuple[str, ...] = option(
        (),
        "Hosts inside our own networks from which revocation lists of other authorities may be fetched. Others must\n"
        "be at public addresses.",
        form=DOMAIN,
    )
    wrapping_key: str = option(
        "file:wrapping.key",
        "Where the key lies under which people's keys are wrapped, and which the key process alone opens: file:NAME\n"
        "in the data folder, pkcs11:token=TOKEN;object=NAME in the token, or stdin: a file that systemd opens for it.",
    )
    former_wrapping_key: str = option(
        "", "Where it lay before: what is wrapped under that one goes over to the new one while the server runs."
    )
    unlocked_minutes: int = option(
        30,
        "Minutes after its last use that a sealed key, once its owner has signed in with his password, is shut again.",
        low=1,
        high=720,
    )
    proof_minutes: int = option(
        10,
        "Minutes in which a session signs for mailboxes of units and roles after its owner has shown his password for\n"
        "that, and his second factor if he has one. His own letters ask for nothing.",
        low=1,
        high=720,
    )
