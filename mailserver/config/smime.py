"""Section of the configuration for signed and encrypted mail."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import DOMAIN, option


@dataclass(frozen=True, slots=True)
class Smime:
    sign: bool = option(
        True,
        "The webmail signs what its users send, unless the writer says otherwise. Who has no certificate does not.",
    )
    hide_subject: bool = option(
        True,
        "The subject of an encrypted letter is encrypted too; outside it stands [...], in lists and searches as well.",
    )
    must_encrypt_to: tuple[str, ...] = option(
        (),
        "Domains to which nothing is sent that is not encrypted, whatever program it was written with; each with\n"
        "everything below it.",
        form=DOMAIN,
    )
    must_encrypt_units: tuple[str, ...] = option(
        (), "Units whose people and mailboxes send nothing that is not encrypted: short names or ids, with all below."
    )
    most_recipients: int = option(
        500, "People to whom one letter may be encrypted, a group's members counted one by one.", low=1, high=4000
    )

    @property
    def demands(self) -> bool:
        """Whether some mail has to be encrypted."""
        return bool(self.must_encrypt_to or self.must_encrypt_units)
