"""From findings to one verdict about a message from outside: a pure function, and the words that go with it.

The order is that of the questions: is it a message at all, does a list refuse its sender, does it claim to be ours,
what does its author's domain want, what does its sender's, and what do the lists say together.  Who is forged as
ourselves is refused whatever the DNS says about our policy; while the DNS says nothing at all, he is asked to come
again.

Standards: RFC 9989 §5.4 (handling; that a policy of reject is enough to refuse, which §7.4 advises against, is a
setting: who runs a city's mail would rather ask a list to seal its messages), RFC 7208 §8 (results), RFC 7372 (codes),
RFC 8617 §7.2 (a chain's results in place of ours), RFC 8601 §2.7 (what is written down).
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from mailserver.config import Trust
from mailserver.delivery.checks import Findings, vouched_domains
from mailserver.refusals import Distrusted, Forged, MalformedMessage, PutOff, Refusal
from security.authresults import Result, parse_results
from security.blocklists import Listing
from security.dkim import DkimResult
from security.dmarc import Dmarc, DmarcResult, Policy
from security.iprev import Iprev
from security.spf import Spf, SpfResult, is_within_domain


class Action(enum.Enum):
    ACCEPT = "accept"
    JUNK = "junk"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``refusal`` is raised, or answered, where the message is not taken; ``reason`` is for the log and the trace.
    ``sealer`` is whose word was taken for what we could not see ourselves.
    """

    action: Action
    reason: str = ""
    refusal: Refusal | None = None
    sealer: str = ""

    @property
    def is_taken(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True)
class Judgement:
    """What was found out, and what follows."""

    found: Findings
    verdict: Verdict

    @cached_property
    def results(self) -> tuple[str, ...]:
        """As Authentication-Results tells it, one text for each result."""
        return tuple(result.text for result in results_of(self))


ACCEPTED = Verdict(Action.ACCEPT)


def refuse(refusal: Refusal) -> Verdict:
    return Verdict(Action.REFUSE, refusal.reason, refusal)


def defer(refusal: PutOff) -> Verdict:
    return Verdict(Action.DEFER, refusal.reason, refusal)


def judge_envelope(found: Findings, trust: Trust) -> Verdict:
    """What can be said before the message has come."""
    for listing in found.addresses:
        if trust.address_lists.get(listing.zone) == "refuse":
            return refuse(_listed(listing))
    return ACCEPTED


def judge(found: Findings, trust: Trust) -> Judgement:
    """What becomes of the message."""
    sealer = trusted_sealer(found, trust.sealers)
    verdict = _judge(found, trust, sealer)
    return Judgement(found, replace(verdict, sealer=sealer) if sealer else verdict)


def _judge(found: Findings, trust: Trust, sealer: str) -> Verdict:
    letter = found.letter
    if letter is not None and letter.author_fields > 1:
        # RFC 5322 §3.6: exactly one.  Of two, one is checked and the other shown.
        return refuse(MalformedMessage("Message has more than one From field"))
    verdict = judge_envelope(found, trust)
    if not verdict.is_taken:
        return verdict
    for listing in found.domains:
        if trust.domain_lists.get(listing.zone) == "refuse":
            return refuse(_listed(listing))
    if letter is not None and letter.claimed and not sealer:
        verdict = _judge_claim(found, letter.claimed)
        if not verdict.is_taken:
            return verdict
    if found.dmarc is not None:
        verdict = _judge_policy(found, found.dmarc, trust, sealer)
        if verdict is not ACCEPTED:
            return verdict
    is_vouched = bool(sealer) or (found.dmarc is not None and found.dmarc.status is Dmarc.PASS)
    spf = found.mail_from
    if spf is not None and spf.status is Spf.FAIL and not is_vouched and trust.spf_fail != "accept":
        if trust.spf_fail == "refuse":
            return refuse(Distrusted(_spf_text(spf), reason=f"SPF fails for {spf.domain}"))
        return Verdict(Action.JUNK, f"SPF fails for {spf.domain}")
    points = _points(found.addresses, trust.address_lists) + _points(found.domains, trust.domain_lists)
    if points >= trust.junk_points:
        zones = ", ".join(dict.fromkeys(listing.zone for listing in (*found.addresses, *found.domains)))
        return Verdict(Action.JUNK, f"listed by {zones}")
    return ACCEPTED


def _judge_claim(found: Findings, claimed: Collection[str]) -> Verdict:
    """A message from outside in our own name: one of our own domains must vouch for each."""
    vouched = vouched_domains(found)
    domains = [domain for domain in (vouched.spf, *vouched.dkim) if domain]
    missing = [ours for ours in claimed if not any(is_within_domain(domain, ours) for domain in domains)]
    if not missing:
        return ACCEPTED
    if any(is_within_domain(domain, missing[0]) for _, domain in vouched.unsure):
        return defer(PutOff(reason=f"claims to be from {missing[0]}, and the DNS does not answer"))
    text = f"The message claims to be from {missing[0]}, for which only its own servers may send"
    return refuse(Forged(text, reason=f"claims to be from {missing[0]}"))


def _judge_policy(found: Findings, dmarc: DmarcResult, trust: Trust, sealer: str) -> Verdict:
    """What the author's domain wants (RFC 9989 §5.4)."""
    if dmarc.status is Dmarc.PERMERROR:
        # Nobody's policy can be asked for: From names nobody, or a crowd, or is written so that only programs that show
        # it to people find an address in it.
        return Verdict(Action.JUNK, dmarc.reason)
    if sealer or trust.dmarc == "accept" or dmarc.status not in (Dmarc.FAIL, Dmarc.TEMPERROR):
        return ACCEPTED
    if dmarc.status is Dmarc.TEMPERROR:
        if trust.dns_failure == "accept":
            return ACCEPTED
        why = f"DMARC of {dmarc.domain} cannot be known now: {dmarc.reason}"
        return defer(PutOff(f"The DMARC policy of {dmarc.domain} cannot be checked now; try again later", reason=why))
    why = f"DMARC fails for {dmarc.domain}, whose policy is {dmarc.policy.value}"
    if dmarc.policy is Policy.REJECT and trust.dmarc == "obey":
        return refuse(Forged(f"The DMARC policy of {dmarc.domain} is to reject this message", reason=why))
    return ACCEPTED if dmarc.policy is Policy.NONE else Verdict(Action.JUNK, why)


def trusted_sealer(found: Findings, sealers: Collection[str]) -> str:
    """The sealer who says that the message was good when it came to him; empty if nobody whom we believe does.

    He must be believed, and everybody through whose hands it went after him (RFC 8617 §9.4).
    """
    if found.arc is None or found.arc.status != "pass" or found.letter is None or not sealers:
        return ""
    for link in reversed(found.arc.sets):
        if not any(is_within_domain(link.domain, sealer) for sealer in sealers):
            return ""
        if _says_pass(link.results, found.letter.authors):
            return link.domain
    return ""


def _says_pass(results: str, authors: tuple[str, ...]) -> bool:
    """Whether an authres-payload says that DMARC passed, for every author there is."""
    statement = parse_results(results)
    passed = {
        result.value_of("header.from").lower().rstrip(".")
        for result in (statement.results if statement else ())
        if result.method == "dmarc" and result.status == "pass"
    }
    return bool(authors) and passed.issuperset(authors)


def _points(listings: tuple[Listing, ...], weights: Mapping[str, str]) -> int:
    zones = {listing.zone for listing in listings}
    return sum(int(weight) for zone in zones if (weight := weights.get(zone, "")).isdigit())


def _listed(listing: Listing) -> Distrusted:
    said = f": {listing.reason}" if listing.reason else ""
    return Distrusted(
        f"{listing.subject} is listed by {listing.zone}{said}", reason=f"{listing.subject} is listed by {listing.zone}"
    )


def _spf_text(spf: SpfResult) -> str:
    """RFC 7208 §8.4: the domain's own words are marked as such."""
    text = f"SPF MAIL FROM check failed for {spf.domain}"
    return f"{text}\nThe domain {spf.domain} explains:\n{spf.explanation}" if spf.explanation else text


# -- what is written down


def results_of(judgement: Judgement) -> tuple[Result, ...]:
    """The findings as Authentication-Results tells them."""
    found, verdict = judgement.found, judgement.verdict
    results = []
    reverse, spf, helo, dmarc, arc = found.reverse, found.mail_from, found.helo, found.dmarc, found.arc
    if spf is not None:
        results.append(Result("spf", spf.status.value, (("smtp.mailfrom", spf.domain),), reason=_short(spf.reason)))
    if helo is not None and helo.status is not Spf.NONE:
        results.append(Result("spf", helo.status.value, (("smtp.helo", helo.domain),), reason=_short(helo.reason)))
    results += [_dkim_result(each) for each in found.dkim]
    if found.letter is not None and not found.dkim:
        results.append(Result("dkim", "none"))
    if dmarc is not None:
        remark = ""
        if dmarc.record is not None:
            remark = f"p={dmarc.record.policy.value} dis={_disposition(verdict)}" + (" arc" if verdict.sealer else "")
        properties = (("header.from", dmarc.domain),) if dmarc.domain else ()
        results.append(Result("dmarc", dmarc.status.value, properties, remark=remark))
    if arc is not None and arc.status != "none":
        last = arc.sets[-1].domain if arc.sets else ""
        results.append(Result("arc", arc.status, (("header.d", last),) if last else (), reason=_short(arc.reason)))
    if reverse is not None:
        name = reverse.name if reverse.status is Iprev.PASS else ""
        results.append(Result("iprev", reverse.status.value, (("policy.iprev", name),) if name else ()))
    return tuple(results)


def _dkim_result(result: DkimResult) -> Result:
    properties = (
        ("header.d", result.domain),
        ("header.s", result.selector),
        ("header.a", result.algorithm),
        ("header.b", result.signature),
    )
    reason = _short(result.reason)
    return Result("dkim", result.status, tuple(each for each in properties if each[1]), reason=reason)


def _disposition(verdict: Verdict) -> str:
    return {Action.JUNK: "quarantine", Action.QUARANTINE: "quarantine", Action.REFUSE: "reject"}.get(
        verdict.action, "none"
    )


def _short(reason: str) -> str:
    return reason[:200]
