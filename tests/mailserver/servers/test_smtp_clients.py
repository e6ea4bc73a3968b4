"""Who is connected, and from where."""

from __future__ import annotations

from ipaddress import ip_network

from mailserver.servers.smtp_clients import Clients


class Session:
    def __init__(self):
        self.retired = False

    def retire(self):
        self.retired = True


def test_the_limit_is_for_each_client():
    clients = Clients(2)
    sessions = [Session() for _ in range(4)]
    assert [clients.admit("192.0.2.1", session) for session in sessions[:3]] == [True, True, False]
    assert clients.admit("192.0.2.2", sessions[3])
    clients.release("192.0.2.1", sessions[2])  # was never in
    assert not clients.admit("192.0.2.1", sessions[2])
    clients.release("192.0.2.1", sessions[0])
    clients.release("192.0.2.1", sessions[0])
    assert clients.admit("192.0.2.1", sessions[2])
    assert len(clients) == 3


def test_one_ipv6_customer_is_one_client():
    clients = Clients(1)
    assert clients.admit("2001:db8::1", Session())
    assert not clients.admit("2001:db8::ffff", Session())
    assert clients.admit("2001:db8:0:1::1", Session())


def test_exempt_networks_and_the_total():
    clients = Clients(1, [ip_network("10.0.0.0/8")], total=5)
    assert [clients.admit("10.1.2.3", Session()) for _ in range(6)] == [True] * 5 + [False]


def test_retiring_tells_everybody():
    clients, session = Clients(1), Session()
    clients.admit("192.0.2.1", session)
    clients.retire()
    assert session.retired
    assert clients.is_retiring
