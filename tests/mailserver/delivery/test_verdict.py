"""The verdict: from findings to what becomes of a message, without DNS or store."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.config import Trust
from mailserver.delivery import checks
from mailserver.delivery.checks import Findings, Letter
from mailserver.delivery.verdict import Action, judge, judge_envelope
from mailserver.smtp.replies import refusal_reply
from security.arc.results import ArcResult, ArcSet
from security.authresults import field_octets, parse_results
from security.blocklists import Listing
from security.dkim import DkimResult, read_message
from security.dmarc import Dmarc, DmarcResult, Policy, PolicyRecord
from security.iprev import Iprev, IprevResult
from security.spf import Spf, SpfResult

REJECT = DmarcResult(Dmarc.FAIL, "a.example", Policy.REJECT, PolicyRecord("a.example", Policy.REJECT))
QUARANTINE = DmarcResult(Dmarc.FAIL, "a.example", Policy.QUARANTINE, PolicyRecord("a.example", Policy.QUARANTINE))
WATCH = DmarcResult(Dmarc.FAIL, "a.example", Policy.NONE, PolicyRecord("a.example"))
PASSED = DmarcResult(Dmarc.PASS, "a.example", record=PolicyRecord("a.example", Policy.REJECT), aligned_dkim=True)
UNKNOWN = DmarcResult(Dmarc.TEMPERROR, "a.example", reason="SERVFAIL")
SPF_FAIL = SpfResult(Spf.FAIL, "a.example", explanation="See https://a.example/\r\n250 forged")
LISTED = Listing("bl.example", "192.0.2.1", ("127.0.0.2",), "spam")


def letter(*authors: str, author_fields: int = 1, claimed: tuple[str, ...] = ()) -> Letter:
    octets = b"From: x\r\n\r\n"
    return Letter(octets, read_message(octets), "x@a.example", authors or ("a.example",), author_fields, claimed, "")


def decide(trust: Trust | None = None, **found: Any) -> Any:
    found.setdefault("letter", letter())
    return judge(Findings(**found), trust or Trust()).verdict


def test_every_check_has_its_finding() -> None:
    names = [check.name for check in (*checks.ENVELOPE_CHECKS, *checks.MESSAGE_CHECKS, *checks.LAST_CHECKS)]
    assert sorted([*names, "letter"]) == sorted(field.name for field in fields(Findings))


@pytest.mark.parametrize(
    ("found", "trust", "action"),
    [
        ({}, {}, Action.ACCEPT),
        ({"dmarc": PASSED}, {}, Action.ACCEPT),
        ({"dmarc": REJECT}, {}, Action.REFUSE),
        ({"dmarc": REJECT}, {"dmarc": "junk"}, Action.JUNK),
        ({"dmarc": REJECT}, {"dmarc": "accept"}, Action.ACCEPT),
        ({"dmarc": QUARANTINE}, {}, Action.JUNK),
        ({"dmarc": QUARANTINE}, {"dmarc": "junk"}, Action.JUNK),
        ({"dmarc": WATCH}, {}, Action.ACCEPT),
        ({"dmarc": UNKNOWN}, {}, Action.DEFER),
        ({"dmarc": UNKNOWN}, {"dns_failure": "accept"}, Action.ACCEPT),
        ({"dmarc": UNKNOWN}, {"dmarc": "accept"}, Action.ACCEPT),
        # what the DNS did not say of others changes nothing
        ({"dmarc": REJECT, "mail_from": SpfResult(Spf.TEMPERROR, "b.example")}, {}, Action.REFUSE),
        ({"dmarc": REJECT, "dkim": (DkimResult("temperror", "b.example"),)}, {"dns_failure": "accept"}, Action.REFUSE),
        ({"dmarc": WATCH, "mail_from": SpfResult(Spf.TEMPERROR, "a.example")}, {}, Action.ACCEPT),
        ({"mail_from": SPF_FAIL}, {}, Action.JUNK),
        ({"mail_from": SPF_FAIL, "dmarc": WATCH}, {}, Action.JUNK),
        ({"mail_from": SPF_FAIL, "dmarc": PASSED}, {}, Action.ACCEPT),
        ({"mail_from": SPF_FAIL, "dmarc": PASSED}, {"spf_fail": "refuse"}, Action.ACCEPT),
        ({"mail_from": SPF_FAIL}, {"spf_fail": "refuse"}, Action.REFUSE),
        ({"mail_from": SPF_FAIL}, {"spf_fail": "accept"}, Action.ACCEPT),
        ({"mail_from": SpfResult(Spf.SOFTFAIL, "a.example")}, {"spf_fail": "refuse"}, Action.ACCEPT),
        ({"helo": SPF_FAIL}, {"spf_fail": "refuse"}, Action.ACCEPT),
        ({"reverse": IprevResult(Iprev.FAIL)}, {}, Action.ACCEPT),
        ({"addresses": (LISTED,)}, {"address_lists": {"bl.example": "refuse"}}, Action.REFUSE),
        ({"addresses": (LISTED,), "dmarc": PASSED}, {"address_lists": {"bl.example": "refuse"}}, Action.REFUSE),
        ({"addresses": (LISTED,)}, {"address_lists": {"bl.example": "4"}}, Action.ACCEPT),
        ({"addresses": (LISTED,)}, {"address_lists": {"bl.example": "5"}}, Action.JUNK),
        # one list counts once, however many subjects it names
        ({"domains": (LISTED, LISTED)}, {"domain_lists": {"bl.example": "3"}}, Action.ACCEPT),
        ({"letter": letter(author_fields=2), "dmarc": PASSED}, {}, Action.REFUSE),
        ({"letter": letter(author_fields=0)}, {}, Action.ACCEPT),
        (
            {"letter": letter(*"abcdef"), "dmarc": DmarcResult(Dmarc.PERMERROR, "a", reason="authors of 6 domains")},
            {},
            Action.JUNK,
        ),
        ({"dmarc": DmarcResult(Dmarc.PERMERROR)}, {}, Action.JUNK),
    ],
)
def test_what_follows(found: dict[str, Any], trust: dict[str, Any], action: Action) -> None:
    assert decide(Trust(**trust), **found).action is action


OURS = letter("city.vn", claimed=("city.vn",))


@pytest.mark.parametrize(
    ("found", "action"),
    [
        ({}, Action.REFUSE),
        ({"dmarc": DmarcResult(Dmarc.NONE, "city.vn")}, Action.REFUSE),  # we publish nothing
        ({"dmarc": DmarcResult(Dmarc.TEMPERROR, "city.vn")}, Action.REFUSE),
        ({"mail_from": SpfResult(Spf.PASS, "a.example")}, Action.REFUSE),
        ({"mail_from": SpfResult(Spf.PASS, "notcity.vn")}, Action.REFUSE),
        ({"mail_from": SpfResult(Spf.PASS, "city.vn")}, Action.ACCEPT),
        ({"mail_from": SpfResult(Spf.PASS, "news.city.vn")}, Action.ACCEPT),
        ({"dkim": (DkimResult("fail", "city.vn"), DkimResult("pass", "city.vn"))}, Action.ACCEPT),
        ({"dkim": (DkimResult("policy", "city.vn"),)}, Action.REFUSE),
        ({"dkim": (DkimResult("temperror", "city.vn"),)}, Action.DEFER),
        ({"dkim": (DkimResult("temperror", "x.city.vn"),)}, Action.DEFER),
        ({"dkim": (DkimResult("temperror", "stranger.example"),)}, Action.REFUSE),
        ({"mail_from": SpfResult(Spf.TEMPERROR, "city.vn")}, Action.DEFER),
        (
            {
                "letter": letter("city.vn", "ours.vn", claimed=("city.vn", "ours.vn")),
                "mail_from": SpfResult(Spf.PASS, "city.vn"),
            },
            Action.REFUSE,
        ),
    ],
)
@pytest.mark.parametrize("lax", [{}, {"dmarc": "accept", "spf_fail": "accept", "dns_failure": "accept"}])
def test_our_own_name(found: dict[str, Any], action: Action, lax: dict[str, Any]) -> None:
    assert decide(Trust(**lax), **{"letter": OURS, **found}).action is action


def chain(*sets: tuple[str, str], status: Any = "pass") -> ArcResult:
    return ArcResult(status, tuple(ArcSet(n, domain, "s", results) for n, (domain, results) in enumerate(sets, 1)))


GOOD = "mx.list.example; dmarc=pass header.from=a.example"
BAD = "mx.list.example; dmarc=fail header.from=a.example"


@pytest.mark.parametrize(
    ("arc", "action"),
    [
        (chain(("list.example", GOOD)), Action.ACCEPT),
        (chain(("mx.list.example", GOOD)), Action.ACCEPT),
        (chain(("list.example", GOOD), ("other.example", BAD)), Action.ACCEPT),
        (chain(("list.example", GOOD), ("other.example", GOOD)), Action.ACCEPT),
        (chain(("list.example", GOOD), ("stranger.example", GOOD)), Action.REFUSE),
        (chain(("stranger.example", GOOD), ("list.example", BAD)), Action.REFUSE),
        (chain(("stranger.example", GOOD)), Action.REFUSE),
        (chain(("list.example", BAD)), Action.REFUSE),
        (chain(("list.example", "mx; dmarc=pass header.from=b.example")), Action.REFUSE),
        (chain(("list.example", "mx; spf=pass smtp.mailfrom=a.example")), Action.REFUSE),
        (chain(("list.example", "no grammar")), Action.REFUSE),
        (chain(("list.example", GOOD), status="fail"), Action.REFUSE),
        (ArcResult("none"), Action.REFUSE),
    ],
)
def test_whose_seal_is_believed(arc: ArcResult, action: Action) -> None:
    trust = Trust(sealers=("list.example", "other.example"))
    assert decide(trust, dmarc=REJECT, arc=arc).action is action
    assert decide(dmarc=REJECT, arc=arc).action is Action.REFUSE  # without anybody whom we believe


def test_a_believed_seal_in_our_name() -> None:
    found = {"letter": OURS, "arc": chain(("list.example", "mx; dmarc=pass header.from=city.vn"))}
    assert decide(Trust(sealers=("list.example",)), **found).action is Action.ACCEPT
    assert decide(**found).action is Action.REFUSE


def test_replies_cannot_be_forged_by_a_domain() -> None:
    verdict = decide(Trust(spf_fail="refuse"), mail_from=SPF_FAIL)
    lines = refusal_reply(verdict.refusal).octets.decode().split("\r\n")
    assert lines[-1] == ""
    assert all(line.startswith("550") for line in lines[:-1])


# -- for all findings


DOMAINS = st.sampled_from(["a.example", "city.vn", "x.city.vn", ""])
FINDINGS = st.builds(
    Findings,
    reverse=st.none() | st.builds(IprevResult, st.sampled_from(Iprev), st.text(max_size=9), st.text(max_size=9)),
    helo=st.none() | st.builds(SpfResult, st.sampled_from(Spf), DOMAINS, reason=st.text(max_size=9)),
    mail_from=st.none() | st.builds(SpfResult, st.sampled_from(Spf), DOMAINS, reason=st.text(max_size=9)),
    addresses=st.sampled_from([(), (LISTED,)]),
    dkim=st.lists(
        st.builds(
            DkimResult, st.sampled_from(["pass", "fail", "policy", "temperror"]), DOMAINS, reason=st.text(max_size=9)
        ),
        max_size=3,
    ).map(tuple),
    arc=st.none() | st.sampled_from([chain(("list.example", GOOD)), chain(("x.example", BAD), status="fail")]),
    dmarc=st.none() | st.sampled_from([REJECT, QUARANTINE, WATCH, PASSED, UNKNOWN]),
    letter=st.none() | st.sampled_from([letter(), OURS, letter(author_fields=2)]),
)
TRUSTS = st.builds(
    Trust,
    spf_fail=st.sampled_from(["accept", "junk", "refuse"]),
    dmarc=st.sampled_from(["obey", "junk", "accept"]),
    dns_failure=st.sampled_from(["defer", "accept"]),
    sealers=st.sampled_from([(), ("list.example",)]),
    address_lists=st.sampled_from([{}, {"bl.example": "refuse"}, {"bl.example": "9"}]),
)


@given(FINDINGS, TRUSTS)
def test_any_findings_have_a_verdict_and_a_field(found: Findings, trust: Trust) -> None:
    judgement = judge(found, trust)
    verdict = judgement.verdict
    assert (verdict.refusal is not None) == (verdict.action in (Action.REFUSE, Action.DEFER))
    if verdict.refusal is not None:
        assert refusal_reply(verdict.refusal).code // 100 == (5 if verdict.action is Action.REFUSE else 4)
    if not judge_envelope(found, trust).is_taken:
        assert not verdict.is_taken
    field = field_octets("mail.city.vn", judgement.results)
    assert field.isascii()
    assert field.count(b"\n") == field.count(b"\r\n\t") + 1
    statement = parse_results(field.decode().partition(":")[2].replace("\r\n", ""))
    assert statement is not None
    assert statement.service == "mail.city.vn"


@given(FINDINGS, TRUSTS)
def test_nobody_takes_our_name(found: Findings, trust: Trust) -> None:
    """Whatever else is found, what claims to be ours is taken only if a domain of ours or a believed sealer vouches."""
    verdict = judge(replace(found, letter=OURS), trust).verdict
    spf = found.mail_from
    vouched = (spf is not None and spf.status is Spf.PASS and spf.domain.endswith("city.vn")) or any(
        result.status == "pass" and result.domain.endswith("city.vn") for result in found.dkim
    )
    assert vouched or not verdict.is_taken
