"""DMARC: does a domain that SPF or DKIM vouches for belong to the author's, and what if none does?

The author's organization is found by walking up the tree of the DNS (RFC 9989 §4.10); a public suffix becomes one
only if it says so itself (``psd=n``), which the list of public suffixes decides and not the silence of its record.
``pct`` of RFC 7489 is obeyed, and so is ``t`` of its successor.

What SPF or DKIM could not find out because the DNS did not answer makes the result a TEMPERROR only if it would have
been aligned: nobody escapes a policy by a signature of a domain whose DNS is broken.

Standards: RFC 9989 (which replaces RFC 7489 and RFC 9091), §11.5 (several authors: each is looked at, the strictest
policy holds); RFC 7489 §6.3 (pct).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

from publicsuffixlist import PublicSuffixList

from security.dns import Answer, Asking, Question, Status, ask

LONGEST_WALK = 8  # names asked for one domain (RFC 9989 §4.10)
MAX_AUTHORS = 5  # a message with more domains of authors than this is not looked at one by one
# In A-labels, two of them at the least.  Anything else, though it may look like a name to people, has no policy.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})+")
_VERSION = re.compile(r"\s*v\s*=\s*DMARC1\s*(?:;|$)")


class Dmarc(enum.Enum):
    """Results, by their names in Authentication-Results."""

    NONE = "none"  # no policy
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"  # no author whose domain could be looked at


class Policy(enum.Enum):
    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


_STRICTER = {Policy.NONE: 0, Policy.QUARANTINE: 1, Policy.REJECT: 2}
_MILDER = {Policy.REJECT: Policy.QUARANTINE, Policy.QUARANTINE: Policy.NONE, Policy.NONE: Policy.NONE}


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """What a domain publishes (RFC 9989 §4.7); ``domain`` is where it was found."""

    domain: str
    policy: Policy = Policy.NONE
    subdomains: Policy | None = None
    missing: Policy | None = None  # np: subdomains that do not exist
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = 100
    testing: bool = False
    public_suffix: str = "u"  # psd: y, n or u
    aggregate_to: tuple[str, ...] = ()
    failures_to: tuple[str, ...] = ()
    failure_options: str = "0"


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The domains that were vouched for, in A-labels: SPF's, if it passed, and those of signatures that passed;
    ``unsure`` are those that might have been, had the DNS answered, each with the method.
    """

    spf: str = ""
    dkim: tuple[str, ...] = ()
    unsure: tuple[tuple[Literal["spf", "dkim"], str], ...] = ()


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """``policy`` is what the author's domain wants done with this message now; NONE after a pass."""

    status: Dmarc
    domain: str = ""
    policy: Policy = Policy.NONE
    record: PolicyRecord | None = None
    aligned_spf: bool = False
    aligned_dkim: bool = False
    sampled_out: bool = False  # pct or t made the policy milder
    reason: str = ""


@lru_cache(maxsize=2048)
def parse_policy(text: bytes, domain: str) -> PolicyRecord | None:
    """A TXT record as a policy; None if it is none.  Unknown tags, and values that cannot be read, are passed over."""
    decoded = text.decode("utf-8", "replace")
    if _VERSION.match(decoded) is None:
        return None
    tags: dict[str, str] = {}
    for part in decoded.split(";")[1:]:
        name, separator, value = part.partition("=")
        if separator:
            tags.setdefault(name.strip().lower(), value.strip())
    return PolicyRecord(
        domain=domain,
        policy=_policy(tags.get("p")) or Policy.NONE,  # RFC 9989 §4.7: without one it is "none"
        subdomains=_policy(tags.get("sp")),
        missing=_policy(tags.get("np")),
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        percent=min(100, int(tags["pct"])) if re.fullmatch(r"[0-9]{1,3}", tags.get("pct", "")) else 100,
        testing=tags.get("t", "").lower() == "y",
        public_suffix=tags["psd"].lower() if tags.get("psd", "").lower() in ("y", "n") else "u",
        aggregate_to=_addresses(tags.get("rua", "")),
        failures_to=_addresses(tags.get("ruf", "")),
        failure_options=tags.get("fo", "0"),
    )


def _policy(value: str | None) -> Policy | None:
    try:
        return Policy((value or "").lower())
    except ValueError:
        return None


def _addresses(value: str) -> tuple[str, ...]:
    return tuple(uri.strip() for uri in value.split(",") if uri.strip())


# -- the tree (RFC 9989 §4.10)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def load_suffixes() -> None:
    """Read the list of public suffixes now, which takes a while, and not with the first message."""
    _suffixes()


def is_public_suffix(domain: str) -> bool:
    return bool(_suffixes().is_public(domain))


def names_to_walk(domain: str) -> list[str]:
    """The domain and those above it: at most eight, the long ones in between left out."""
    labels = domain.split(".")
    walk = [labels]
    if len(labels) > LONGEST_WALK:
        labels = labels[-(LONGEST_WALK - 1) :]
        walk.append(labels)
    while len(labels) > 1:
        labels = labels[1:]
        walk.append(labels)
    return [".".join(each) for each in walk[:LONGEST_WALK]]


@dataclass(frozen=True, slots=True)
class _Tree:
    """What a walk found, from the domain upwards."""

    domain: str
    records: tuple[PolicyRecord, ...]

    @property
    def organization(self) -> str:
        for record in self.records:
            if record.public_suffix == "n":
                return record.domain
            if record.public_suffix == "y" and record.domain != self.domain:
                labels = self.domain.split(".")
                return ".".join(labels[-(record.domain.count(".") + 2) :])
        owned = [record.domain for record in self.records if not is_public_suffix(record.domain)]
        return owned[-1] if owned else self.domain

    @property
    def policy_record(self) -> PolicyRecord | None:
        """The author's own record, that of its organization, that of the public suffix above it (RFC 9989 §4.10.1)."""
        found = {record.domain: record for record in self.records}
        suffix = next((record for record in self.records if record.public_suffix == "y"), None)
        return found.get(self.domain) or found.get(self.organization) or suffix


def _walk(domain: str) -> Asking[_Tree | Answer]:
    """All names of the walk at the same time; an Answer that failed, if one did."""
    names = names_to_walk(domain)
    answers = yield tuple(Question(f"_dmarc.{name}", "TXT") for name in names)
    records = []
    for name, answer in zip(names, answers, strict=True):
        if answer.failed:
            return answer
        record = _only_record(answer, name)
        if record is not None:
            records.append(record)
            if record.public_suffix != "u":
                break
    return _Tree(domain, tuple(records))


def _only_record(answer: Answer, domain: str) -> PolicyRecord | None:
    """Several policies of one domain are none (RFC 9989 §4.10)."""
    records = [record for text in answer.texts if (record := parse_policy(text, domain)) is not None]
    return records[0] if len(records) == 1 else None


# -- the message


def check_authors(authors: Sequence[str], vouched: Identifiers, chance: float) -> Asking[DmarcResult]:
    """``authors`` are the domains of From, in A-labels; ``chance`` (0 to 1) decides what ``pct`` is about."""
    domains = list(dict.fromkeys(author.rstrip(".").lower() for author in authors if author))
    if not domains:
        return DmarcResult(Dmarc.PERMERROR, reason="no author with a domain")
    if len(domains) > MAX_AUTHORS:
        return DmarcResult(Dmarc.PERMERROR, domains[0], reason=f"authors of {len(domains)} domains")
    results = []
    for domain in domains:
        results.append((yield from check_author(domain, vouched, chance)))  # noqa: PERF401 (no comprehension can ask)
    # One author that is vouched for says nothing for the others (RFC 9989 §11.5).
    return max(results, key=_severity)


def _severity(result: DmarcResult) -> tuple[int, int]:
    order = (Dmarc.PASS, Dmarc.NONE, Dmarc.PERMERROR, Dmarc.TEMPERROR, Dmarc.FAIL)
    return _STRICTER[result.policy], order.index(result.status)


def check_author(domain: str, vouched: Identifiers, chance: float) -> Asking[DmarcResult]:
    """One author's domain against what was vouched for."""
    if _NAME.fullmatch(domain) is None:
        return DmarcResult(Dmarc.PERMERROR, domain, reason="the author's domain is no name")
    (own,) = yield (Question(f"_dmarc.{domain}", "TXT"),)
    if own.failed:
        return DmarcResult(Dmarc.TEMPERROR, domain, reason=own.fault)
    record = _only_record(own, domain)
    same_spf, same_dkim = vouched.spf == domain, domain in vouched.dkim
    if record is not None and (same_spf or same_dkim):
        # The very domain is vouched for: no need to know the organization.
        return DmarcResult(Dmarc.PASS, domain, record=record, aligned_spf=same_spf, aligned_dkim=same_dkim)
    identifiers = (vouched.spf, *vouched.dkim, *(other for _, other in vouched.unsure))
    if record is not None and not any(_may_be_kin(other, domain) for other in identifiers):
        tree = _Tree(domain, (record,))  # whatever stands above it, nobody would be aligned
    else:
        walked = yield from _walk(domain)
        if isinstance(walked, Answer):
            return DmarcResult(Dmarc.TEMPERROR, domain, record=record, reason=walked.fault)
        tree = walked
    record = tree.policy_record
    if record is None:
        return DmarcResult(Dmarc.NONE, domain, reason="no policy")
    vouching = [("spf", vouched.spf), *(("dkim", other) for other in vouched.dkim)]
    aligned = {"spf": False, "dkim": False}
    fault = ""
    for is_sure, methods in ((True, vouching), (False, vouched.unsure)):
        for method, other in methods:
            strict = record.strict_spf if method == "spf" else record.strict_dkim
            kin = yield from _is_aligned(other, domain, tree.organization, strict=strict)
            if isinstance(kin, Answer):
                fault = kin.fault
            elif kin and is_sure:
                aligned[method] = True
            elif kin:
                fault = f"{method} of {other} could not be checked"
    if any(aligned.values()):
        return DmarcResult(Dmarc.PASS, domain, record=record, aligned_spf=aligned["spf"], aligned_dkim=aligned["dkim"])
    if fault:
        return DmarcResult(Dmarc.TEMPERROR, domain, record=record, reason=fault)
    wanted = record.policy
    if record.domain != domain:
        wanted = yield from _policy_below(record, domain)
    result = DmarcResult(Dmarc.FAIL, domain, wanted, record, reason="no aligned domain is vouched for")
    if record.testing or chance * 100 >= record.percent:  # RFC 9989 §4.7 "t", RFC 7489 §6.6.4
        return replace(result, policy=_MILDER[wanted], sampled_out=wanted is not Policy.NONE)
    return result


def _may_be_kin(one: str, other: str) -> bool:
    """Whether two names have more in common than a public suffix."""
    common: list[str] = []
    for mine, theirs in zip(reversed(one.split(".")), reversed(other.split(".")), strict=False):
        if mine != theirs:
            break
        common.insert(0, mine)
    return bool(common) and not is_public_suffix(".".join(common))


def _is_aligned(other: str, author: str, organization: str, *, strict: bool) -> Asking[bool | Answer]:
    """Whether a domain that was vouched for is the author's (RFC 9989 §4.10.2); an Answer if that is not known."""
    if not other or other == author:
        return bool(other)
    # Who has this organization is the organization itself or below it; others need not be asked for.
    if strict or not other.endswith(f".{organization}"):
        return not strict and other == organization
    tree = yield from _walk(other)
    return tree if isinstance(tree, Answer) else tree.organization == organization


def _policy_below(record: PolicyRecord, domain: str) -> Asking[Policy]:
    """What holds for a domain below the one with the record: ``np`` if it does not exist, else ``sp``, else ``p``."""
    below = record.subdomains or record.policy
    if record.missing is None or record.missing is below:
        return below
    answer = yield from ask(domain, "A")
    return record.missing if answer.status is Status.NO_NAME else below  # RFC 9989 §3.2.13
