"""A client's address, and the networks that it stands for when somebody counts or trusts it.

IPv4 in IPv6 clothing counts as IPv4 (RFC 4291 §2.5.5.2).
Limits: an IPv6 client is its /64, which is what one customer gets (RFC 6177); its site is the /48.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


def plain_address(address: IpAddress) -> IpAddress:
    """Without IPv6 clothing."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def address_of(client: str) -> IpAddress | None:
    """None for what is no address."""
    try:
        return plain_address(ip_address(client.partition("%")[0]))
    except ValueError:
        return None


# Addresses of IPv6 that stand for one of IPv4, which may be of our own network: translated and tunnelled ones
# (RFC 6052 §2.1, RFC 8215, RFC 3056, RFC 4380), and what is left of IPv4-compatible ones (RFC 4291 §2.5.5.1).
_IN_DISGUISE = tuple(ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))
# Addresses of one site, which routers may still keep inside (RFC 4291 §2.5.7); Python takes them for anybody's.
_SITE_LOCAL = ip_network("fec0::/10")


def is_public(client: str) -> bool:
    """Whether an address is anybody's: what a stranger names must not lead into our own network."""
    address = address_of(client)
    if address is None or "%" in client or any(address in network for network in (*_IN_DISGUISE, _SITE_LOCAL)):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@lru_cache(maxsize=16_384)
def network_of(client: str) -> str:
    """The network that answers for a client: one address of IPv4, a /64 of IPv6; what is no address, for itself."""
    address = address_of(client)
    if address is None:
        return client
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


@lru_cache(maxsize=16_384)
def site_of(client: str) -> str:
    """The wider network: 256 addresses of IPv4, a /48 of IPv6."""
    address = address_of(client)
    if address is None:
        return client
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


@lru_cache(maxsize=16_384)
def is_within(client: str, networks: Sequence[IpNetwork]) -> bool:
    """Whether the address is in one of the networks, which are a tuple."""
    address = address_of(client)
    return address is not None and any(address in network for network in networks)
