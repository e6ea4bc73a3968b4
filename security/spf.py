"""SPF: may this client send mail for this domain?

``check_host`` is the function of RFC 7208 §4, as one that asks (``security.dns.Asking``): what can be asked at the
same time is.  ``check_mail_from`` and ``check_helo`` are the identities of §2.3 and §2.4.

Standards: RFC 7208; RFC 8616 §4 (addresses outside ASCII); RFC 5890 (names in A-labels).
Limits: 10 terms that look up, 10 hosts of an MX, 10 names of an address, 2 lookups that find nothing (§4.6.4); a
term counts as finding nothing when its own lookup does, not when one of its hosts has no address of the client's
family.  The time limit is the shell's, who answers FAILED to what comes after it.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass, replace

import idna

from security.dns import Answer, Asking, Kind, Question, Status, ask, reverse_name
from security.networks import IpAddress, plain_address
from security.spf_record import (
    Directive,
    IpNetwork,
    MacroString,
    PermanentFault,
    Record,
    expand,
    is_record,
    letters_in,
    parse_explanation,
    parse_record,
    shorten,
)

MAX_LOOKUPS = 10
MAX_HOSTS = 10
MAX_VOID = 2
LONGEST_EXPLANATION = 500


class Spf(enum.Enum):
    """Results (§2.6), by their names in Authentication-Results."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class SpfResult:
    """``domain`` was checked; ``mechanism`` matched, ``explanation`` is the domain's own, ``reason`` is ours."""

    status: Spf
    domain: str = ""
    mechanism: str = ""
    explanation: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpfSubject:
    """Who says what to whom: the arguments of check_host, and what macros may ask for."""

    client: IpAddress
    local: str
    domain: str
    helo: str
    receiver: str = "unknown"
    now: int = 0


_QUALIFIERS = {"+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}


class _TemporaryFault(Exception):
    """The DNS failed us (§2.6.6)."""


def check_mail_from(
    client: IpAddress, reverse_path: str, helo: str, *, receiver: str = "unknown", now: int = 0
) -> Asking[SpfResult]:
    """The MAIL FROM identity; for a null reverse-path that is postmaster at the HELO name (§2.4)."""
    local, _, domain = reverse_path.rpartition("@")
    if not reverse_path:
        local, domain = "postmaster", helo
    subject = SpfSubject(plain_address(client), local or "postmaster", domain, helo, receiver, now)
    return (yield from check_host(subject))


def check_helo(client: IpAddress, helo: str, *, receiver: str = "unknown", now: int = 0) -> Asking[SpfResult]:
    """The HELO identity (§2.3)."""
    return (yield from check_host(SpfSubject(plain_address(client), "postmaster", helo, helo, receiver, now)))


def check_host(subject: SpfSubject) -> Asking[SpfResult]:
    """Evaluate the domain's policy for this client (§4)."""
    domain = to_query_name(subject.domain)
    if domain is None:
        return SpfResult(Spf.NONE, subject.domain, reason="the domain is not a name")
    evaluation = _Evaluation(subject)
    try:
        result = yield from evaluation.check(domain, explains=True)
    except PermanentFault as fault:
        return SpfResult(Spf.PERMERROR, domain, reason=str(fault))
    except _TemporaryFault as fault:
        return SpfResult(Spf.TEMPERROR, domain, reason=str(fault))
    return replace(result, domain=domain.lower())  # whosever record decided


def to_query_name(domain: str) -> str | None:
    """The domain in A-labels; None if it is malformed or has one label only (§4.3)."""
    name = domain.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or name.startswith("["):
        return None
    if any(not 0 < len(label) <= 63 for label in labels) or not re.fullmatch(r"[!-~]+", name):
        return None
    return name


class _Evaluation:
    """One check with its limits, which count over all records (§4.1)."""

    def __init__(self, subject: SpfSubject) -> None:
        self._subject = subject
        self._lookups = 0
        self._voids = 0
        self._names: tuple[str, ...] | None = None

    def check(self, domain: str, *, explains: bool) -> Asking[SpfResult]:
        answer = yield from ask(domain, "TXT")
        if answer.failed:
            raise _TemporaryFault(f"the record of {domain}: {answer.fault}")
        texts = [text for text in answer.texts if is_record(text)]
        if not texts:
            return SpfResult(Spf.NONE, domain, reason="no SPF record")
        if len(texts) > 1:
            raise PermanentFault(f"{domain} has {len(texts)} SPF records")  # §4.5
        record = parse_record(texts[0])
        for directive in record.directives:
            if (yield from self._matches(directive, domain)):
                status = _QUALIFIERS[directive.qualifier]
                explanation = ""
                if status is Spf.FAIL and explains:
                    explanation = yield from self._explain(record, domain)
                return SpfResult(status, domain, directive.text, explanation)
        if record.redirect:  # §6.1; with "all" in the record we never come here
            return (yield from self._redirect(record, domain, explains=explains))
        return SpfResult(Spf.NEUTRAL, domain, "default")  # §4.7

    def _redirect(self, record: Record, domain: str, *, explains: bool) -> Asking[SpfResult]:
        self._count_lookup()
        target = yield from self._target(record.redirect, domain)
        if target is None:
            raise PermanentFault(f"redirect of {domain} leads to no name")
        result = yield from self.check(target, explains=explains)
        if result.status is Spf.NONE:
            raise PermanentFault(f"redirect of {domain}: {target} has no SPF record")
        return result

    # -- mechanisms (§5)

    def _matches(self, directive: Directive, domain: str) -> Asking[bool]:
        client = self._subject.client
        if directive.mechanism == "all":
            return True
        if directive.network is not None:
            return client.version == directive.network.version and client in directive.network
        self._count_lookup()
        target = yield from self._target(directive.domain, domain)
        if target is None:
            if directive.mechanism == "include":
                raise PermanentFault(f"include of {domain} leads to no name")
            return False
        match directive.mechanism:
            case "include":
                return (yield from self._include(target))
            case "a":
                answer = yield from self._look_up(Question(target, self._family))
                return _has_client(answer, self._network(directive))
            case "mx":
                return (yield from self._match_mx(target, self._network(directive)))
            case "exists":
                answer = yield from self._look_up(Question(target, "A"))  # §5.7: A, whatever the client's family is
                return answer.status is Status.FOUND
            case _:
                names = yield from self._validated_names()
                return any(is_within_domain(name, target) for name in names)

    def _include(self, target: str) -> Asking[bool]:
        result = yield from self.check(target, explains=False)
        if result.status is Spf.NONE:
            raise PermanentFault(f"include: {target} has no SPF record")  # §5.2
        return result.status is Spf.PASS

    def _match_mx(self, target: str, network: IpNetwork) -> Asking[bool]:
        answer = yield from self._look_up(Question(target, "MX"))
        hosts = [host.host for host in answer.exchangers]
        if len(hosts) > MAX_HOSTS:
            raise PermanentFault(f"{target} has {len(hosts)} MX hosts")
        questions = tuple(Question(host, self._family) for host in dict.fromkeys(hosts) if host not in ("", "."))
        answers = (yield questions) if questions else ()
        if any(_has_client(each, network) for each in answers):
            return True
        for each in answers:
            if each.failed:
                raise _TemporaryFault(each.fault)
        return False

    def _validated_names(self) -> Asking[tuple[str, ...]]:
        """The names of the client's address that lead back to it (§5.5); asked for once."""
        if self._names is None:
            pointers = yield from ask(reverse_name(self._subject.client), "PTR")
            if pointers.status in (Status.EMPTY, Status.NO_NAME):
                self._count_void()
            names = pointers.names[:MAX_HOSTS]  # §4.6.4: the others are ignored
            answers = (yield tuple(Question(name, self._family) for name in names)) if names else ()
            exactly = ipaddress.ip_network(self._subject.client)
            found = [name for name, each in zip(names, answers, strict=True) if _has_client(each, exactly)]
            self._names = tuple(found)
        return self._names

    # -- lookups and their limits

    @property
    def _family(self) -> Kind:
        return "A" if self._subject.client.version == 4 else "AAAA"

    def _network(self, directive: Directive) -> IpNetwork:
        client = self._subject.client
        length = directive.length4 if client.version == 4 else directive.length6
        return ipaddress.ip_network((client, length), strict=False)

    def _look_up(self, question: Question) -> Asking[Answer]:
        answer = yield from ask(question.name, question.kind)
        if answer.failed:
            raise _TemporaryFault(f"{question.kind} of {question.name}: {answer.fault}")
        if answer.status is not Status.FOUND:
            self._count_void()
        return answer

    def _count_lookup(self) -> None:
        self._lookups += 1
        if self._lookups > MAX_LOOKUPS:
            raise PermanentFault(f"more than {MAX_LOOKUPS} terms that look up")

    def _count_void(self) -> None:
        self._voids += 1
        if self._voids > MAX_VOID:
            raise PermanentFault(f"more than {MAX_VOID} lookups that find nothing")

    # -- macros (§7)

    def _target(self, macros: MacroString, domain: str) -> Asking[str | None]:
        """The name that a domain-spec leads to; None if it cannot be a name."""
        if not macros:
            return domain
        letters = letters_in(macros)
        if letters & {"s", "l"} and not self._subject.local.isascii():
            return None  # RFC 8616 §4: such a local part matches nothing
        name = shorten(expand(macros, (yield from self._values(domain, letters))))
        if not name or any(not 0 < len(label) <= 63 for label in name.split(".")) or not name.isascii():
            return None
        return name

    def _values(self, domain: str, letters: frozenset[str]) -> Asking[dict[str, str]]:
        subject = self._subject
        client = subject.client
        values = {
            "s": f"{subject.local}@{subject.domain}",
            "l": subject.local,
            "o": to_query_name(subject.domain) or subject.domain,
            "d": domain,
            "i": str(client) if client.version == 4 else ".".join(client.exploded.replace(":", "").upper()),
            "v": "in-addr" if client.version == 4 else "ip6",
            "h": subject.helo,
            "c": str(client),
            "r": subject.receiver,
            "t": str(subject.now),
        }
        if "p" in letters:
            names = yield from self._validated_names()
            values["p"] = _best_name(names, domain)
        return values

    def _explain(self, record: Record, domain: str) -> Asking[str]:
        """The domain's explanation (§6.2); none at all if anything is wrong with it."""
        if not record.explanation:
            return ""
        try:
            target = yield from self._target(record.explanation, domain)
            if target is None:
                return ""
            answer = yield from ask(target, "TXT")
            if len(answer.texts) != 1:
                return ""
            macros = parse_explanation(answer.texts[0])
            text = expand(macros, (yield from self._values(domain, letters_in(macros))))
        except (PermanentFault, _TemporaryFault):
            return ""
        return text[:LONGEST_EXPLANATION] if text.isascii() and text.isprintable() else ""


def _has_client(answer: Answer, network: IpNetwork) -> bool:
    for text in answer.names:
        address = ipaddress.ip_address(text)
        if address.version == network.version and address in network:
            return True
    return False


def is_within_domain(name: str, domain: str) -> bool:
    """Whether a name is the domain or below it."""
    name, domain = name.rstrip(".").lower(), domain.rstrip(".").lower()
    return name == domain or name.endswith(f".{domain}")


def _best_name(names: tuple[str, ...], domain: str) -> str:
    """§7.3: the domain itself, one below it, any other, or ``unknown``."""
    same = [name for name in names if name.rstrip(".").lower() == domain.lower()]
    below = [name for name in names if is_within_domain(name, domain)]
    return next(iter([*same, *below, *names]), "unknown").rstrip(".")
