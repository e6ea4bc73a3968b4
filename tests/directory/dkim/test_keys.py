"""The keys that mail is signed with: their states, whose they are, and how one follows another."""

from __future__ import annotations

import json

import pytest

from directory import record
from directory.database import Directory
from directory.dkim import keys as dkim_keys
from directory.dkim import rotation as dkim_rotation
from directory.dkim.keys import DkimKey
from directory.dkim.rotation import DAY, Publication, Step
from directory.faults import Fault
from directory.mail import domains
from security.dns import Status
from tests.directory.conftest import City, Clock
from tests.dns_table import DnsTable

DOMAIN = "city.gov.vn"


def make(
    directory: Directory, domain: str = DOMAIN, kinds: tuple[str, ...] = dkim_keys.KINDS, selector: str = ""
) -> list[DkimKey]:
    with directory.write() as conn:
        return dkim_keys.make(conn, "test", domain, kinds, selector=selector)


def activate(directory: Directory, key: DkimKey, *, unseen: bool = True) -> DkimKey:
    with directory.write() as conn:
        return dkim_keys.activate(conn, "test", key.domain, key.selector, unseen=unseen)


def states(directory: Directory) -> dict[str, str]:
    with directory.read() as conn:
        return {key.selector: key.state for key in dkim_keys.list_keys(conn, removed=True)}


def published(*keys: DkimKey) -> DnsTable:
    return DnsTable({(key.name, "TXT"): [key.record.encode()] for key in keys})


def rotate(directory: Directory, dns: DnsTable) -> list[tuple[str, str]]:
    """As the command does it: look first, then do what is due."""
    with directory.read() as conn:
        keys = dkim_rotation.to_look_for(conn)
    seen = dns.run(dkim_rotation.look(keys))
    with directory.write() as conn:
        steps: list[Step] = dkim_rotation.rotate(conn, "test", seen, serve_days=180, keep_days=30)
    return [(step.action, step.key.selector) for step in steps]


def test_a_new_key_does_not_sign_before_it_is_active(any_city: City) -> None:
    directory = any_city.directory
    rsa, ed25519 = make(directory)
    assert (rsa.kind, ed25519.kind) == ("rsa", "ed25519")
    assert (rsa.selector, ed25519.selector) == ("cm20260302r", "cm20260302e")
    with directory.read() as conn:
        assert dkim_keys.signers_of(conn, DOMAIN) == ()
    with pytest.raises(Fault, match="not seen in the DNS"):
        activate(directory, rsa, unseen=False)
    for key in (rsa, ed25519):
        activate(directory, key)
    with directory.read() as conn:
        signers = dkim_keys.signers_of(conn, DOMAIN.upper())
    assert [(one.algorithm, one.selector) for one in signers] == [
        ("rsa-sha256", rsa.selector),
        ("ed25519-sha256", ed25519.selector),
    ]
    assert "cm20260302r" in repr(signers[0])
    assert "PRIVATE" not in repr(signers[0]).upper()


def test_a_unit_signs_with_its_own_key_or_with_that_of_the_domain_above(city: City) -> None:
    directory = city.directory
    with directory.write() as conn:
        domains.add_domain(conn, "test", "soyte.city.gov.vn")
        domains.add_domain(conn, "test", "other.vn")
    (top, _) = make(directory)
    activate(directory, top)
    with directory.read() as conn:
        assert [one.domain for one in dkim_keys.signers_of(conn, "soyte.city.gov.vn")] == [DOMAIN]
        assert dkim_keys.signers_of(conn, "other.vn") == ()
        # not ours, although below ours: its mail is none of our business
        assert dkim_keys.signers_of(conn, "elsewhere.city.gov.vn") == ()
        assert dkim_keys.signers_of(conn, "notcity.gov.vn") == ()
        assert dkim_keys.signers_of(conn, "") == ()
    (own, _) = make(directory, "soyte.city.gov.vn")
    activate(directory, own)
    with directory.read() as conn:
        assert [one.domain for one in dkim_keys.signers_of(conn, "soyte.city.gov.vn")] == ["soyte.city.gov.vn"]
        assert [one.domain for one in dkim_keys.signers_of(conn, DOMAIN)] == [DOMAIN]


def test_one_key_of_a_kind_is_active(any_city: City) -> None:
    directory = any_city.directory
    (first,) = make(directory, kinds=("rsa",))
    (second,) = make(directory, kinds=("rsa",))
    assert second.selector == "cm20260302r2"
    activate(directory, first)
    activate(directory, second)
    assert states(directory) == {first.selector: "retired", second.selector: "active"}
    activate(directory, first)  # taken back
    assert states(directory) == {first.selector: "active", second.selector: "retired"}
    with directory.read() as conn:
        assert dkim_keys.find_key(conn, DOMAIN, first.selector).retired_at is None


def test_a_removed_key_is_gone_and_its_selector_is_not_used_again(any_city: City) -> None:
    directory = any_city.directory
    (key,) = make(directory, kinds=("ed25519",), selector="Thu-Ky")
    assert key.selector == "thu-ky"
    activate(directory, key)
    with directory.write() as conn, pytest.raises(Fault, match="signs mail"):
        dkim_keys.remove(conn, "test", DOMAIN, "thu-ky")
    with directory.write() as conn:
        dkim_keys.retire(conn, "test", DOMAIN, "thu-ky")
        dkim_keys.remove(conn, "test", DOMAIN, "thu-ky")
    with directory.read() as conn:
        assert conn.execute(dkim_keys.dkim_key.select()).one().secret is None
        assert dkim_keys.list_keys(conn) == []
    with pytest.raises(Fault, match="was removed"):
        activate(directory, key)
    with pytest.raises(Fault, match="never comes again"):
        make(directory, kinds=("rsa",), selector="thu-ky")
    (after,) = make(directory, kinds=("ed25519",))
    assert after.selector == "cm20260302e"


@pytest.mark.parametrize("selector", ["a b", "ä" * 70, "-x", "x" * 64, ".", "a..b", 'a"b', "*"])
def test_what_is_no_selector_is_refused(city: City, selector: str) -> None:
    with pytest.raises(Fault, match="is no selector"):
        make(city.directory, kinds=("ed25519",), selector=selector)


def test_a_foreign_domain_gets_no_key(city: City) -> None:
    with pytest.raises(Fault, match="not a domain of the city"):
        make(city.directory, "example.org")


def test_records_are_split_for_the_zone(city: City) -> None:
    rsa, ed25519 = make(city.directory)
    strings = dkim_keys.txt_strings(rsa.record)
    assert len(strings) == 2
    assert all(0 < len(one) <= 255 for one in strings)
    assert "".join(strings) == rsa.record
    assert rsa.record.startswith("v=DKIM1; k=rsa; h=sha256; s=email; t=s; p=MII")
    assert dkim_keys.zone_line(ed25519) == f'cm20260302e._domainkey.city.gov.vn. IN TXT ( "{ed25519.record}" )'


def test_every_change_is_in_the_audit_record(city: City) -> None:
    directory = city.directory
    (key,) = make(directory, kinds=("rsa",))
    activate(directory, key)
    with directory.write() as conn:
        dkim_keys.retire(conn, "test", DOMAIN, key.selector)
        dkim_keys.remove(conn, "test", DOMAIN, key.selector)
    with directory.read() as conn:
        told = [entry for entry in record.entries(conn) if entry.action.startswith("dkim.")]
        assert record.check(conn) is None
    assert [entry.action for entry in told] == ["dkim.make", "dkim.activate", "dkim.retire", "dkim.remove"]
    assert {entry.subject for entry in told} == {key.name}
    assert json.loads(told[1].details)["unseen"] is True


def test_a_year_of_rotation(any_city: City, clock: Clock) -> None:
    directory = any_city.directory
    rsa, ed25519 = make(directory)
    assert rotate(directory, DnsTable()) == [("waits", rsa.selector), ("waits", ed25519.selector)]
    assert rotate(directory, published(rsa, ed25519)) == [
        ("published", rsa.selector),
        ("activated", rsa.selector),
        ("published", ed25519.selector),
        ("activated", ed25519.selector),
    ]
    assert rotate(directory, published(rsa, ed25519)) == []  # as often as one likes
    clock.advance(180 * DAY)
    made = rotate(directory, published(rsa, ed25519))
    assert [action for action, _ in made] == ["made", "waits", "made", "waits"]
    assert rotate(directory, published(rsa, ed25519)) == [one for one in made if one[0] == "waits"]
    with directory.read() as conn:
        next_rsa, next_ed = (
            dkim_keys.find_key(conn, DOMAIN, selector) for action, selector in made if action == "made"
        )
    # one of the two is published: it goes on alone
    assert rotate(directory, published(rsa, ed25519, next_rsa)) == [
        ("published", next_rsa.selector),
        ("activated", next_rsa.selector),
        ("retired", rsa.selector),
        ("waits", next_ed.selector),
    ]
    everything = published(rsa, ed25519, next_rsa, next_ed)
    assert [action for action, _ in rotate(directory, everything)] == ["published", "activated", "retired"]
    clock.advance(30 * DAY)
    assert rotate(directory, everything) == [("removed", ed25519.selector), ("removed", rsa.selector)]
    assert rotate(directory, everything) == []
    assert states(directory) == {
        rsa.selector: "removed",
        ed25519.selector: "removed",
        next_rsa.selector: "active",
        next_ed.selector: "active",
    }


def test_rotation_tells_of_an_active_key_that_is_not_in_the_dns(city: City) -> None:
    directory = city.directory
    (key,) = make(directory, kinds=("rsa",))
    activate(directory, key)
    assert rotate(directory, DnsTable()) == [("lost", key.selector)]
    # a resolver that does not answer is no reason for alarm, nor for any step
    assert rotate(directory, DnsTable({(key.name, "TXT"): Status.FAILED})) == []


def test_what_the_dns_may_say_of_a_key(city: City) -> None:
    first, second = make(city.directory, kinds=("rsa",))[0], make(city.directory, kinds=("rsa",))[0]
    record_, other = first.record.encode(), second.record.encode()
    bare = record_.replace(b" h=sha256; s=email; t=s;", b"")
    cases: list[tuple[list[bytes] | Status, Publication]] = [
        ([record_], Publication.RIGHT),
        ([bare], Publication.RIGHT),
        ([b"v=spf1 -all", record_], Publication.RIGHT),
        ([other], Publication.WRONG),
        ([record_, other], Publication.WRONG),
        ([b"v=DKIM1; p="], Publication.WRONG),
        ([b"v=DKIM1; p=MII"], Publication.WRONG),
        ([b"v=spf1 -all"], Publication.MISSING),
        (Status.NO_NAME, Publication.MISSING),
        (Status.EMPTY, Publication.MISSING),
        (Status.FAILED, Publication.UNKNOWN),
        (Status.BOGUS, Publication.UNKNOWN),
    ]
    for entry, expected in cases:
        found = DnsTable({(first.name, "TXT"): entry}).run(dkim_rotation.look([first]))
        assert found == {(DOMAIN, first.selector): expected}, entry
