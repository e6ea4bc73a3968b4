"""Section of the configuration for the directory as LDAP shows it."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import Network, option

ATTRIBUTES = (
    *(
        "cn",
        "sn",
        "givenName",
        "displayName",
        "uid",
        "mail",
        "title",
        "ou",
        "o",
        "businessCategory",
        "description",
        "dc",
    ),
    *("telephoneNumber", "departmentNumber", "employeeNumber", "preferredLanguage", "member", "memberOf"),
    *("seeAlso", "jpegPhoto", "userCertificate"),
)


@dataclass(frozen=True, slots=True)
class Ldap:
    access: str = option(
        "authenticated",
        "Who may search: nobody, or whoever has logged in (authenticated).",
        choices=("nobody", "authenticated"),
    )
    anonymous_attributes: tuple[str, ...] = option(
        (),
        'Attributes that are seen without a login, as ["cn", "mail", "ou"]. Empty: nothing is. The names of entries,\n'
        "in which addresses stand, are seen with any.",
        choices=ATTRIBUTES,
    )
    private_attributes: tuple[str, ...] = option(
        ("employeeNumber",), "Attributes that only the person himself and administrators see.", choices=ATTRIBUTES
    )
    size_limit: int = option(500, "Entries that one search gives to whoever has logged in.", low=1)
    anonymous_size_limit: int = option(50, "The same without a login.", low=1)
    paged_limit: int = option(5000, "Entries that a search in pages gives to whoever has logged in.", low=1)
    time_limit: int = option(10, "Seconds that a search may take.", low=1)
    start_tls: bool = option(False, "Offer StartTLS on the plain port; better is the port under TLS.")
    plaintext_networks: tuple[Network, ...] = option((), "Networks that may log in to LDAP without TLS.")
    max_connections_per_client: int = option(100, "Connections of one address at a time.", low=1)
    idle_minutes: int = option(15, "Minutes of silence after which a connection ends.", low=1)
