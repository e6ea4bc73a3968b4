"""The judge of certificates: RFC 5280 §6 by pyhanko-certvalidator, and around it what mail asks besides.

The library is driven without an event loop: it is given all it may know and no way to fetch, so that its coroutines
never wait, and ``_finish`` runs one to its end in a single step.

Paths are found here and not by the library, which would try every order of a hundred certificates of one name.

Revocation.  Every certificate must be looked up in fresh evidence (RFC 5280 §6.1.3 (a)(3)), but for an end entity's
with noRevAvail (RFC 9608 §4).  Below an anchor that does not list revocations, only those must that tell where theirs
are published, or whose issuer's CRL is at hand; ``revocation_checked`` says whether any was left out.
A revocation counts from its own date on: a message received before it stays good, as ``REVOKED_SINCE``.

Standards: RFC 5280 §6.1, §6.3; RFC 9618; RFC 6960 §3.2; RFC 8550 §4.
Limits: ``MOST_COMPANIONS`` certificates beside the one judged, ``MOST_OCTETS`` each; paths of ``LONGEST_PATH``
certificates, ``MOST_PATHS`` of them tried, and ``MOST_STEPS`` taken to find them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from asn1crypto import crl, ocsp, x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import AuthorityWithCert, CertTrustAnchor, TrustAnchor, TrustQualifiers
from pyhanko_certvalidator.context import bootstrap_validation_data_handlers
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    RevokedError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    NonRevokedStatusAssertion,
    PKIXValidationParams,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import process_legacy_crl_input, process_legacy_ocsp_input
from pyhanko_certvalidator.validate import async_validate_path

from security.mailbox_names import addresses_of, breaks_constraints, names_any, outside_of
from security.paths.algorithms import AllowedAlgorithms, weakness_of_key
from security.paths.judgement import Anchor, Evidence, Judgement, Purpose, State, Trust
from security.verbatim import Certificate, CertificateList

MOST_COMPANIONS = 64
MOST_OCTETS = 64 * 1024
LONGEST_PATH = 8
MOST_PATHS = 16
MOST_STEPS = 256

_NO_REV_AVAIL = "2.5.29.56"
_FOR_MAIL = frozenset({"email_protection", "any_extended_key_usage"})
# Of several paths that fail, the one that came nearest to being believed is told of.
_NEARNESS = (
    State.BROKEN,
    State.WEAK,
    State.WRONG_PURPOSE,
    State.NOT_YET_VALID,
    State.EXPIRED,
    State.REVOCATION_UNKNOWN,
    State.REVOKED,
)
# What weighs less than a wrong purpose, and than a wrong address (the order of ``State``)
_AFTER_PURPOSE = (State.REVOKED, State.NOT_YET_VALID, State.EXPIRED, State.REVOCATION_UNKNOWN, State.VALID)
_AFTER_ADDRESS = (State.REVOCATION_UNKNOWN, State.VALID)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PolicyWishes:
    """The inputs of RFC 5280 §6.1.1 (c), (e) to (g); for mail, any policy or none will do."""

    acceptable: frozenset[str] = frozenset({"any_policy"})
    explicit: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False

    def as_parameters(self) -> PKIXValidationParams:
        return PKIXValidationParams(
            user_initial_policy_set=self.acceptable,
            initial_explicit_policy=self.explicit,
            initial_policy_mapping_inhibit=self.inhibit_mapping,
            initial_any_policy_inhibit=self.inhibit_any,
        )


def judge(
    certificate: bytes,
    *,
    companions: Sequence[bytes],
    purpose: Purpose,
    addresses: Sequence[str],
    moment: datetime,
    now: datetime,
    trust: Trust,
    wishes: PolicyWishes | None = None,
) -> Judgement:
    """Whether the certificate may be believed for this purpose and one of these addresses (none: not asked)."""
    try:
        leaf = _read(certificate)
        named = addresses_of(certificate)
        weakness = weakness_of_key(leaf.public_key)
        refused = _refuse_purpose(leaf, purpose)
        is_meant = not addresses or not named or names_any(leaf, addresses)
    except Exception as fault:  # asn1crypto reads late and promises nothing of what is malformed
        return Judgement(State.UNREADABLE, _told(fault))
    if weakness:
        return Judgement(State.WEAK, weakness, addresses=named)
    paths = _Paths(leaf, _read_all(companions[:MOST_COMPANIONS]), purpose, trust, wishes or PolicyWishes())
    found = replace(paths.believe(moment), addresses=named)
    if refused and found.state in _AFTER_PURPOSE:
        return replace(found, state=State.WRONG_PURPOSE, reason=refused)
    if not is_meant and found.state in _AFTER_ADDRESS:
        return replace(found, state=State.ADDRESS_MISMATCH, reason=f"it names {', '.join(named)}")
    if found.state is not State.VALID:
        return found
    if now <= moment:
        return found
    return _since(found, paths.believe(now))


def _since(then: Judgement, later: Judgement) -> Judgement:
    """What was good at the moment that counts, and what has become of it."""
    if later.state is State.REVOKED:
        return replace(then, state=State.REVOKED_SINCE, reason=later.reason, revoked_at=later.revoked_at)
    if later.state is State.EXPIRED:
        return replace(then, state=State.EXPIRED_SINCE, reason=later.reason)
    return then


class _Paths:
    """The ways from a certificate to the anchors, tried for one moment or another."""

    def __init__(
        self,
        leaf: x509.Certificate,
        others: Sequence[x509.Certificate],
        purpose: Purpose,
        trust: Trust,
        wishes: PolicyWishes,
    ) -> None:
        self._leaf = leaf
        self._others = others
        self._wishes = wishes
        self._given: dict[bytes, Anchor] = {}
        self._anchors: dict[bytes, TrustAnchor] = {}
        for anchor in trust.anchors:
            if purpose in anchor.purposes:
                root = _read(anchor.certificate)
                self._given[anchor.certificate] = anchor
                # an anchor's certificate ends like any other (RFC 5280 §6.1.1 (d) takes only its name and key)
                limits = TrustQualifiers(valid_from=root.not_valid_before, valid_until=root.not_valid_after)
                self._anchors[anchor.certificate] = CertTrustAnchor(root, quals=limits)
        self._register = trust.evidence.register
        self._crls, self._answers = _read_evidence(trust.evidence)
        self._signers = _read_all(trust.evidence.signers)
        issuers_with_crls = {each.issuer.hashable for each in self._crls}
        self._unlisted = [
            each
            for each in (leaf, *others)
            if not (each.crl_distribution_points or each.ocsp_urls) and each.issuer.hashable not in issuers_with_crls
        ]

    def believe(self, moment: datetime) -> Judgement:
        """The first path that holds, else why the nearest did not."""
        failures: list[Judgement] = []
        for path in islice(self._find(), MOST_PATHS):
            judged = self._follow(path, moment)
            if judged.state is State.VALID:
                return judged
            failures.append(judged)
        if not failures:
            missing = self._leaf.issuer.human_friendly[:200]
            return Judgement(State.UNKNOWN_AUTHORITY, f"no path leads from {missing} to an authority that is trusted")
        return max(failures, key=lambda judged: _NEARNESS.index(judged.state))

    def _find(self) -> Iterator[ValidationPath]:
        """Every chain of names from the leaf up to an anchor, the shortest first (RFC 4158 §2.4)."""
        if itself := self._anchors.get(self._leaf.dump()):
            yield ValidationPath(itself, [], None)
        steps = 0
        waiting: deque[tuple[x509.Certificate, ...]] = deque([(self._leaf,)])
        while waiting:
            chain = waiting.popleft()
            highest = chain[0]
            for anchor in self._anchors.values():
                if anchor.authority.is_potential_issuer_of(highest):
                    yield ValidationPath(anchor, list(chain[:-1]), self._leaf)
            for other in self._others if len(chain) < LONGEST_PATH else ():
                if other not in chain and AuthorityWithCert(other).is_potential_issuer_of(highest):
                    steps += 1
                    if steps > MOST_STEPS:
                        return
                    waiting.append((other, *chain))

    def _follow(self, path: ValidationPath, moment: datetime) -> Judgement:
        root = path.trust_anchor.authority
        assert isinstance(root, AuthorityWithCert)
        anchor = self._given[root.certificate.dump()]
        spared = [] if anchor.lists_revocations else list(self._unlisted)
        if not self._leaf.ca and _has_extension(self._leaf, _NO_REV_AVAIL):
            spared.append(self._leaf)
        try:
            # a context remembers what it has validated, with no regard to how it got there: a new one for each path
            context = self._context(path, moment, [*spared, *self._registered(path)])
            _finish(async_validate_path(context, path, self._wishes.as_parameters()))
        except RevokedError as fault:
            return Judgement(State.REVOKED, _told(fault), revoked_at=fault.revocation_dt)
        except ExpiredError as fault:
            return Judgement(State.EXPIRED, _told(fault))
        except NotYetValidError as fault:
            return Judgement(State.NOT_YET_VALID, _told(fault))
        except DisallowedAlgorithmError as fault:
            return Judgement(State.WEAK, _told(fault))
        except InsufficientRevinfoError as fault:
            return Judgement(State.REVOCATION_UNKNOWN, _told(fault))
        except Exception as fault:  # whatever a stranger's certificate makes of the library: it is not believed
            return Judgement(State.BROKEN, _told(fault))
        for each in self._registered(path):
            revoked_at = self._register[each.sha256]
            if revoked_at is not None and revoked_at <= moment:
                return Judgement(State.REVOKED, "revoked, as our own register says", revoked_at=revoked_at)
        return self._conclude(path, anchor, spared)

    def _registered(self, path: ValidationPath) -> list[x509.Certificate]:
        return [each for each in path.iter_certs(include_root=False) if each.sha256 in self._register]

    def _conclude(self, path: ValidationPath, anchor: Anchor, spared: Sequence[x509.Certificate]) -> Judgement:
        chain = list(path.iter_certs(include_root=False))  # from below the anchor down to the leaf
        authorities = chain[:-1]
        for authority in authorities:
            if refused := _refuse_for_mail(authority):
                return Judgement(State.WRONG_PURPOSE, f"an authority on the path is {refused}")
        if forbidden := breaks_constraints(self._leaf, authorities):
            return Judgement(State.BROKEN, f"{forbidden} is outside of what an authority on the path may name")
        if anchor.domains and (outside := outside_of(self._leaf, anchor.domains)):
            return Judgement(State.BROKEN, f"the anchor is not trusted for {outside}")
        octets = (*(each.dump() for each in reversed(chain)), anchor.certificate)
        return Judgement(State.VALID, "", octets, revocation_checked=all(each not in spared for each in chain))

    def _context(self, path: ValidationPath, moment: datetime, spared: Sequence[x509.Certificate]) -> ValidationContext:
        """``spared``: what need not be looked up."""
        # the library would take a leaf's assertion for its whole path: leaves have a rule instead
        rule = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
        policy = RevocationCheckingPolicy(RevocationCheckingRule.NO_CHECK if self._leaf in spared else rule, rule)
        handlers = bootstrap_validation_data_handlers(
            fetchers=None,
            crls=process_legacy_crl_input(self._crls),
            ocsps=process_legacy_ocsp_input(self._answers),
            certs=[*path.iter_certs(include_root=False), *self._signers],
            nonrevoked_assertions=[
                NonRevokedStatusAssertion(each.sha256, moment) for each in spared if each is not self._leaf
            ],
        )
        return ValidationContext(
            trust_manager=SimpleTrustManager.build(trust_roots=list(self._anchors.values())),
            revinfo_manager=handlers.revinfo_manager,
            certificate_registry=handlers.cert_registry,
            # evidence that is newer than the moment tells of it as well
            revinfo_policy=CertRevTrustPolicy(policy, retroactive_revinfo=True),
            algorithm_usage_policy=AllowedAlgorithms(),
            moment=moment,
        )


def _read(octets: bytes) -> x509.Certificate:
    if len(octets) > MOST_OCTETS:
        raise ValueError("too large for a certificate")
    found = Certificate.load(octets, strict=True)
    # read now what is asked of every certificate, so that the unreadable is told apart from the refused
    _ = found.issuer.hashable, found.subject.hashable, found.not_valid_before, found.not_valid_after
    _ = found.critical_extensions, found.sha256, found.serial_number, found.public_key.algorithm
    _ = found.key_identifier, found.authority_key_identifier, found.authority_issuer_serial, found.ca
    _ = found.crl_distribution_points, found.ocsp_urls, found.self_issued
    return found


def _read_all(certificates: Iterable[bytes]) -> list[x509.Certificate]:
    """Each once; what cannot be read helps nobody."""
    found = []
    for octets in dict.fromkeys(certificates):
        try:
            found.append(_read(octets))
        except Exception:  # noqa: S112  (as above)
            continue
    return found


def _read_evidence(evidence: Evidence) -> tuple[list[crl.CertificateList], list[ocsp.OCSPResponse]]:
    """Evidence is gathered by ourselves, yet from others: what is no CRL and no answer is passed over."""
    lists: list[crl.CertificateList] = []
    answers: list[ocsp.OCSPResponse] = []
    for octets in evidence.crls:
        try:
            read = CertificateList.load(octets, strict=True)
            _ = read.issuer.hashable, read["tbs_cert_list"]["this_update"].native
        except ValueError:
            continue
        lists.append(read)
    for octets in evidence.ocsp_responses:
        try:
            answer = ocsp.OCSPResponse.load(octets, strict=True)
            if answer["response_status"].native == "successful":
                _ = answer.response_data["responses"]
                answers.append(answer)
        except ValueError:
            continue
    return lists, answers


def _has_extension(certificate: x509.Certificate, oid: str) -> bool:
    return any(each["extn_id"].dotted == oid for each in certificate["tbs_certificate"]["extensions"])


def _refuse_purpose(certificate: x509.Certificate, purpose: Purpose) -> str:
    """Why it may not serve; empty if it may."""
    usage = certificate.key_usage_value
    if usage is not None and not usage.native & purpose.usages:
        return f"its key usage is {', '.join(sorted(usage.native)) or 'nothing'}"
    return _refuse_for_mail(certificate)


def _refuse_for_mail(certificate: x509.Certificate) -> str:
    """RFC 8550 §4.4.4; in an authority's certificate the extension narrows all below it, as verifiers have it."""
    extended = certificate.extended_key_usage_value
    if extended is not None and not set(extended.native) & _FOR_MAIL:
        return f"only for {', '.join(extended.native)}"
    return ""


def _finish(step: Awaitable[_T]) -> _T:
    """Run what never waits."""
    assert isinstance(step, Coroutine)
    try:
        step.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    step.close()
    raise RuntimeError("the path validation wanted to wait, and has nothing to wait for")


def _told(fault: Exception) -> str:
    return " ".join(str(fault).split())[:500] or type(fault).__name__
