"""The section of the configuration for SMTP clients: whom we believe what, and how much of us one may have."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import Network, option


@dataclass(frozen=True, slots=True)
class Reception:
    proxy_networks: tuple[Network, ...] = option(
        (),
        "Networks of proxies that say in front of each connection who the client is (PROXY protocol 1, 2), for SMTP,\n"
        "submission and IMAP. A connection from there without it is closed; from elsewhere nothing of it is believed.",
    )
    xclient_networks: tuple[Network, ...] = option((), "Networks of filters that may say who the client is (XCLIENT).")
    priority_networks: tuple[Network, ...] = option(
        (), "Networks of servers whose messages may be given priority (RFC 6710); others may only lower it."
    )
    priority_logins: tuple[str, ...] = option(
        (), 'Logins of officials who may send with priority, as ["truc.ban@thanhpho.example"].'
    )
    hold_days: int = option(
        30,
        "Days for which officials may have a message held back before it is sent (RFC 4865). 0: not at all.",
        low=0,
        high=3650,
    )
    moderation_days: int = option(
        14,
        "Days for which mail to a moderated group waits for its moderators; they are reminded after two thirds of\n"
        "them, and then it is turned away. 0: it waits for ever.",
        low=0,
        high=365,
    )
    dsn: bool = option(
        True,
        "Offer delivery reports (RFC 3461) to other servers too. false: only to officials and over LMTP, so nobody\n"
        "can have reports of success sent to whom he names as the sender.",
    )
    max_connections_per_network: int = option(
        200,
        "Connections of one network at a time: 256 IPv4 addresses (/24), or what a site has of IPv6 (/48), but no\n"
        "fewer than of one address.",
        low=1,
    )
    max_connections_per_account: int = option(200, "SMTP connections of one account at a time.", low=1)
    connections_per_minute: int = option(
        0, "New SMTP connections of one address in a minute; a few may come at once. 0: no limit.", low=0
    )
    unknown_recipients: int = option(
        1000,
        "Unknown recipients that one address may ask for in an hour; then it is turned away until it has waited.\n"
        "0: no limit.",
        low=0,
    )
    tarpit_milliseconds: int = option(
        250, "Wait before the answer to a client that makes many errors, milliseconds. 0: none.", low=0, high=10_000
    )
