"""Sections of the configuration for what receives, shows and sends mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.config.options import DOMAIN, MEBIBYTE, TARGET, Network, option


@dataclass(frozen=True, slots=True)
class Smtp:
    max_message_size: int = option(50 * MEBIBYTE, "Largest message, octets.", low=65_536)
    max_recipients: int = option(1000, "Recipients of one transaction (RFC 5321 §4.5.3.1.8 asks for 100).", low=100)
    max_hops: int = option(50, "Received fields at which a message is taken for a loop.", low=10)
    lmtp_networks: tuple[Network, ...] = option((), "Networks that may deliver over LMTP.")
    max_connections_per_client: int = option(50, "Connections of one address at a time.", low=1)
    connection_exempt: tuple[Network, ...] = option((), "Networks without that limit.")


@dataclass(frozen=True, slots=True)
class Imap:
    append_limit: int = option(50 * MEBIBYTE, "Largest message that APPEND takes, octets (RFC 7889).", low=65_536)
    message_limit: int = option(
        0,
        "Most messages that one FETCH, SEARCH, STORE, COPY, MOVE, APPEND or UID EXPUNGE works on (RFC 9738), 1000 or\n"
        "more; old clients then see only the newest of a larger mailbox. 0: no limit.",
        low=0,
    )
    save_limit: int = option(0, "The same for COPY and APPEND alone. 0: no limit.", low=0)
    literal_plus: bool = option(
        True,
        "Clients may send literals of any size without asking (LITERAL+). false: up to 4096 octets (LITERAL-), so\n"
        "that too large a message is refused before it is sent.",
    )
    max_connections_per_account: int = option(100, "Connections of one account at a time.", low=1)
    max_connections_per_client: int = option(20_000, "Connections of one address at a time.", low=1)
    max_strangers_per_client: int = option(
        1000, "Connections of one address that have not logged in, at a time.", low=1
    )
    connection_exempt: tuple[Network, ...] = option((), "Networks without the two limits of addresses.")
    unauthenticate: bool = option(
        True, "Whether a connection may be logged out and used for another account (RFC 8437)."
    )
    idle_minutes: int = option(
        30, "Minutes of silence after which a client is logged out (RFC 9051 §5.4: 30 at least).", low=30
    )


@dataclass(frozen=True, slots=True)
class Relay:
    enabled: bool = option(True, "Send mail to other servers.")
    smarthost: str = option(
        "", "host:port through which everything goes. Empty: to each domain's own MX.", form=TARGET, empty=True
    )
    port: int = option(25, "Port of other servers.", low=1, high=65535)
    routes: Mapping[str, str] = option(
        {}, 'Domains with a route of their own: { "bo.example" = "mail.bo.example:25" }', form=TARGET
    )
    schedule: tuple[int, ...] = option(
        (300, 900, 1800, 3600, 7200, 14_400),
        "Seconds until the next try, one for each failure; the last repeats (RFC 5321 §4.5.4.1).",
        low=1,
        filled=True,
    )
    give_up_after: int = option(5 * 86_400, "Seconds after which a message that cannot be sent is returned.", low=60)
    warn_after: int = option(4 * 3600, "Seconds after which its sender is told of the delay. 0: never.", low=0)
    dead_letters: str = option(
        "",
        "Address of ours that gets reports which nobody else takes. Empty: they are dropped, and the log says so.",
        form=(r"[^@\s]+@[^@\s]+", "an address, as postmaster@thanhpho.example"),
        empty=True,
    )
    rewrite_senders: bool = option(
        True, "Send strangers' mail on under an address of ours (SRS), so that it passes SPF; bounces find back."
    )
    forward_domains: tuple[str, ...] = option(
        (), "Domains to which aliases may lead mail elsewhere. Empty: any.", form=DOMAIN
    )
    tls: Mapping[str, str] = option(
        {},
        'TLS to hosts of routes: { "mail.bo.example:587" = "verified" }. verified: with a certificate of an authority\n'
        "that this machine trusts (of course where we log in); required: with any; opportunistic: if the host can\n"
        "(otherwise); never. On port 465 TLS comes first.",
        choices=("verified", "required", "opportunistic", "never"),
    )
    logins: Mapping[str, str] = option(
        {},
        'Files with our login at hosts of routes: { "mail.bo.example:587" = "bo.login" }; the first line is the\n'
        "login, the second the password.",
    )
    mta_sts: bool = option(True, "Look for and obey MTA-STS policies of other domains (RFC 8461).")
    remember_tls_days: int = option(
        30,
        "Days for which a server that spoke TLS must go on doing so; without it mail waits, and goes back in the end.\n"
        "0: never.",
        low=0,
    )
    authorities: str = option("", "PEM file: authorities for verified TLS. Empty: those this machine trusts.")
    concurrency: int = option(200, "Connections to other servers at a time.", low=1)
    per_destination: int = option(5, "Connections to one server at a time.", low=1)
    per_minute: int = option(0, "Messages to one server a minute. 0: no limit.", low=0)
    limits: Mapping[str, str] = option(
        {},
        'Domains with limits of their own, connections and messages a minute: { "bo.example" = "2/60" }',
        form=(r"[1-9]\d{0,4}/\d{1,7}", "connections/messages a minute, as 2/60 or 2/0"),
    )
    processes: int = option(1, "Processes that send. One fills one core.", low=1, high=64)
