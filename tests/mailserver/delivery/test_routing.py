"""Routes and retries, with a table for a DNS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.config import Relay
from mailserver.delivery.retry import JITTER, next_attempt
from mailserver.delivery.routing import (
    MAX_HOSTS,
    Host,
    Unroutable,
    find_route,
    order_hosts,
)
from security.dns import Answer, Mx, Status
from tests.dns_table import DnsTable

OURS = frozenset({"mail.city.vn"})


def route(domain, records=(), settings=None):
    """The route, when the domain's MX records are these (pairs), or the answer is this."""
    entry = [Mx(*each) for each in records] if isinstance(records, list | tuple) else records
    table = DnsTable({(domain, "MX"): entry, (domain, "A"): ["192.0.2.1"]})
    found = table.run(find_route(domain, settings or Relay(), our_names=OURS, random=lambda: 0.5))
    assert [question.kind for question in table.asked] == ["MX"]
    return found


def hosts(found):
    return [host.name for host in found.hosts]


def test_mx_by_preference():
    found = route("far.vn", [(20, "b.far.vn"), (10, "A.far.vn."), (30, "c.far.vn")])
    assert hosts(found) == ["a.far.vn", "b.far.vn", "c.far.vn"]
    assert found.hosts[0].port == 25


def test_equals_are_shuffled_and_preference_is_kept():
    chances = iter([0.9, 0.1, 0.5, 0.2])
    ordered = order_hosts([Mx(10, "a"), Mx(10, "b"), Mx(20, "c"), Mx(10, "d")], OURS, lambda: next(chances))
    assert ordered == ["b", "d", "a", "c"]


def test_domains_with_the_same_hosts_have_one_key():
    assert route("a.vn", [(10, "x.vn"), (20, "y.vn")]).key == route("b.vn", [(10, "y.vn"), (10, "x.vn")]).key
    assert route("a.vn", [(10, "x.vn")]).key != route("b.vn", [(10, "y.vn")]).key


def test_implicit_mx():
    assert hosts(route("far.vn", [])) == ["far.vn"]


@pytest.mark.parametrize(
    ("records", "code", "status"),
    [
        ([(0, ".")], 556, "5.1.10"),
        ([(0, "")], 556, "5.1.10"),
        (Status.NO_NAME, 550, "5.1.2"),
        (Answer(Status.FAILED, fault="SERVFAIL"), 451, "4.4.3"),
        (Status.BOGUS, 451, "4.4.3"),
        ([(10, "mail.city.vn")], 554, "5.4.6"),
        ([(10, "Mail.City.VN."), (10, "x.vn"), (20, "y.vn")], 554, "5.4.6"),  # only equals and worse are left
    ],
)
def test_nowhere_to_go(records, code, status):
    with pytest.raises(Unroutable) as fault:
        route("far.vn", records)
    assert (fault.value.reply.code, fault.value.reply.enhanced) == (code, status)


def test_only_hosts_better_than_ourselves_are_tried():
    assert hosts(route("far.vn", [(5, "x.vn"), (10, "mail.city.vn"), (20, "y.vn")])) == ["x.vn"]


def test_a_null_mx_among_others_is_no_host():
    assert hosts(route("far.vn", [(0, "."), (10, "x.vn")])) == ["x.vn"]


@pytest.mark.parametrize(
    ("domain", "settings", "expected"),
    [
        ("bo.vn", {"routes": {"bo.vn": "mail.bo.vn:2525"}}, Host("mail.bo.vn", 2525)),
        ("bo.vn", {"routes": {"bo.vn": "10.0.0.1"}}, Host("10.0.0.1", 25)),
        ("bo.vn", {"routes": {"bo.vn": "[2001:db8::1]:26"}}, Host("2001:db8::1", 26)),
        ("bo.vn", {"routes": {"bo.vn": "2001:db8::1"}, "port": 2525}, Host("2001:db8::1", 2525)),
        ("x.vn", {"smarthost": "Relay.vn:587"}, Host("relay.vn", 587)),
        ("bo.vn", {"smarthost": "relay.vn:587", "routes": {"bo.vn": "mail.bo.vn"}}, Host("mail.bo.vn", 25)),
        ("bo.vn", {"routes": {"BO.vn": "Mail.bo.vn"}}, Host("mail.bo.vn", 25)),
        ("[192.0.2.7]", {}, Host("192.0.2.7", 25)),
        ("[IPv6:2001:db8::7]", {}, Host("2001:db8::7", 25)),
    ],
)
def test_routes_that_need_no_dns(domain, settings, expected):
    with pytest.raises(StopIteration) as end:
        next(find_route(domain, Relay(**settings), our_names=OURS, random=lambda: 0.5))
    assert end.value.value.hosts == (expected,)


def test_names_outside_ascii_are_asked_for_in_a_labels():
    steps = find_route("bưu-điện.vn", Relay(), our_names=OURS, random=lambda: 0.5)
    (question,) = next(steps)
    assert question.name.startswith("xn--")


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from([f"h{number}.vn" for number in range(20)])), max_size=30),
    st.randoms(),
)
def test_order_is_always_by_preference_without_repeats(records, chance):
    ordered = order_hosts([Mx(*each) for each in records], OURS, chance.random)
    best = {}
    for preference, name in records:
        best[name] = min(preference, best.get(name, 99))
    assert len(ordered) == len(set(ordered)) <= MAX_HOSTS
    assert [best[name] for name in ordered] == sorted(best[name] for name in ordered)


# -- retry


def test_the_schedule_and_its_last_entry():
    waits = [next_attempt((60, 300, 900), attempts, 1000, lambda: 0.5) - 1000 for attempts in range(1, 6)]
    assert waits == [60, 300, 900, 900, 900]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_chance_stays_within_bounds(schedule, attempts, chance):
    wait = next_attempt(schedule, attempts, 0, lambda: chance)
    wanted = schedule[min(attempts, len(schedule)) - 1]
    assert max(1, wanted * (1 - JITTER) - 1) <= wait <= max(1, wanted * (1 + JITTER) + 1)


def test_an_empty_schedule_is_hourly():
    assert next_attempt((), 3, 0, lambda: 0.5) == 3600
