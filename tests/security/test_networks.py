"""Which network a client's address stands for."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from security.networks import address_of, is_within, network_of, site_of


@pytest.mark.parametrize(
    ("client", "network", "site"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2::7%eth0", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", "", ""),
        ("unix socket", "unix socket", "unix socket"),
    ],
)
def test_what_counts_as_one_client(client: str, network: str, site: str) -> None:
    assert (network_of(client), site_of(client)) == (network, site)


def test_addresses_within_networks() -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert is_within("10.9.9.9", networks)
    assert is_within("::ffff:10.9.9.9", networks)
    assert is_within("2001:db8::1%eth0", networks)
    assert not is_within("11.0.0.1", networks)
    assert not is_within("", networks)
    assert address_of("unix socket") is None
