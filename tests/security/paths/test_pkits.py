"""NIST's PKITS 1.0.1: every path case, with the settings its document names, against the judge.

The cases themselves are in the names of the certificates; the table below holds what is not: settings, and the cases
whose name does not tell what is right.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

import pytest
from asn1crypto import crl, x509

from security.paths import Anchor, Evidence, Purpose, State, Trust, judge
from security.paths.judging import PolicyWishes

_DATA = files("cryptography_vectors") / "x509" / "PKITS_data"
_MOMENT = datetime(2014, 1, 1, tzinfo=UTC)

_P1, _P2, _P3, _P6 = (f"2.16.840.1.101.3.2.1.48.{number}" for number in (1, 2, 3, 6))
_DEFAULT = PolicyWishes()
_EXPLICIT = PolicyWishes(explicit=True)


def _only(*policies: str, explicit: bool = False) -> PolicyWishes:
    return PolicyWishes(acceptable=frozenset(policies), explicit=explicit)


# PKITS 4.8, 4.10 and 4.12.3: what is right depends on the settings, or is not in the name
_SETTINGS: dict[str, list[tuple[PolicyWishes, bool]]] = {
    "ValidCertificatePathTest1EE": [
        (_DEFAULT, True),
        (_EXPLICIT, True),
        (_only(_P1, explicit=True), True),
        (_only(_P2, explicit=True), False),
        (_only(_P1, _P2, explicit=True), True),
    ],
    "AllCertificatesNoPoliciesTest2EE": [(_DEFAULT, True), (_EXPLICIT, False)],
    "DifferentPoliciesTest3EE": [(_DEFAULT, True), (_EXPLICIT, False), (_only(_P1, _P2, explicit=True), False)],
    "DifferentPoliciesTest4EE": [(_DEFAULT, False)],
    "DifferentPoliciesTest5EE": [(_DEFAULT, False)],
    "OverlappingPoliciesTest6EE": [(_DEFAULT, True), (_only(_P1), True), (_only(_P2), False)],
    "DifferentPoliciesTest7EE": [(_DEFAULT, False)],
    "DifferentPoliciesTest8EE": [(_DEFAULT, False)],
    "DifferentPoliciesTest9EE": [(_DEFAULT, False)],
    "AllCertificatesSamePoliciesTest10EE": [(_DEFAULT, True), (_only(_P1), True), (_only(_P2), True)],
    "AllCertificatesanyPolicyTest11EE": [(_DEFAULT, True), (_only(_P1), True)],
    "DifferentPoliciesTest12EE": [(_DEFAULT, False)],
    "AllCertificatesSamePoliciesTest13EE": [(_only(_P1), True), (_only(_P2), True), (_only(_P3), True)],
    "AnyPolicyTest14EE": [(_only(_P1), True), (_only(_P2), False)],
    "UserNoticeQualifierTest15EE": [(_DEFAULT, True)],
    "UserNoticeQualifierTest16EE": [(_DEFAULT, True)],
    "UserNoticeQualifierTest17EE": [(_DEFAULT, True)],
    "UserNoticeQualifierTest18EE": [(_only(_P1), True), (_only(_P2), True)],
    "UserNoticeQualifierTest19EE": [(_DEFAULT, True)],
    "CPSPointerQualifierTest20EE": [(_DEFAULT, True)],
    "ValidPolicyMappingTest1EE": [
        (_only(_P1), True),
        (_only(_P2), False),
        (PolicyWishes(inhibit_mapping=True), False),
    ],
    "InvalidPolicyMappingTest2EE": [(_DEFAULT, False), (PolicyWishes(inhibit_mapping=True), False)],
    "ValidPolicyMappingTest3EE": [(_only(_P1), False), (_only(_P2), True)],
    "ValidPolicyMappingTest5EE": [(_only(_P1), True), (_only(_P6), False)],
    "ValidPolicyMappingTest6EE": [(_only(_P1), True), (_only(_P6), False)],
    "ValidPolicyMappingTest12EE": [(_only(_P1), True), (_only(_P2), True)],
    "inhibitAnyPolicyTest3EE": [(_DEFAULT, True), (PolicyWishes(inhibit_any=True), False)],
}
# DSA is history (RFC 8550 §4.3, appendix A), and stands on no list of ours
_OTHERWISE = {"ValidDSASignaturesTest4EE": State.WEAK, "ValidDSAParameterInheritanceTest5EE": State.WEAK}
# Where a name tells why it is wrong, the judge must have found that
_WHY = {
    "notBeforeDate": State.NOT_YET_VALID,
    "notAfterDate": State.EXPIRED,
    "Revoked": State.REVOKED,
    "MissingCRL": State.REVOCATION_UNKNOWN,
    "NoCRL": State.REVOCATION_UNKNOWN,
    "WrongCRL": State.REVOCATION_UNKNOWN,
    "OldCRLnextUpdate": State.REVOCATION_UNKNOWN,
    "nameConstraints": State.BROKEN,
    "pathLenConstraint": State.BROKEN,
    "inhibit": State.BROKEN,
}


def _cases() -> list[tuple[str, PolicyWishes, bool]]:
    cases: list[tuple[str, PolicyWishes, bool]] = []
    names = sorted(path.name.removesuffix(".crt") for path in (_DATA / "certs").iterdir())
    for name in (name for name in names if name.endswith("EE")):
        right = _SETTINGS.get(name) or [(_DEFAULT, name.startswith("Valid"))]
        cases += [(name, wishes, expected) for wishes, expected in right]
    return cases


@cache
def _certificates() -> dict[str, list[tuple[x509.Certificate, bytes]]]:
    by_subject = defaultdict(list)
    for path in (_DATA / "certs").iterdir():
        octets = path.read_bytes()
        read = x509.Certificate.load(octets)
        by_subject[read.subject.hashable].append((read, octets))
    return by_subject


@cache
def _crls() -> dict[str, list[bytes]]:
    by_issuer = defaultdict(list)
    for path in (_DATA / "crls").iterdir():
        octets = path.read_bytes()
        by_issuer[crl.CertificateList.load(octets).issuer.hashable].append(octets)
    return by_issuer


def _crl_issuers(certificate: x509.Certificate) -> list[str]:
    """PKITS publishes indirect CRLs in a directory, under the name of their issuer."""
    named = [point["crl_issuer"] for point in certificate.crl_distribution_points_value or ()]
    return [general.chosen.hashable for names in named for general in names]


def _surroundings(leaf: x509.Certificate) -> tuple[list[bytes], list[bytes]]:
    """What a directory would give for the names on the way up: certificates and CRLs."""
    wanted, seen = [leaf.issuer.hashable, *_crl_issuers(leaf)], set()
    companions: list[bytes] = []
    lists: list[bytes] = []
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        lists += _crls().get(name, ())
        for read, octets in _certificates().get(name, ()):
            if read.ca or name in _crl_issuers(leaf):
                companions.append(octets)
                wanted += [read.issuer.hashable, *_crl_issuers(read)]
            else:
                # a key that only signs CRLs
                companions.append(octets)
    return companions, lists


@pytest.mark.parametrize(("name", "wishes", "is_right"), _cases())
def test_a_case_of_pkits(name: str, wishes: PolicyWishes, is_right: bool) -> None:
    octets = (_DATA / "certs" / f"{name}.crt").read_bytes()
    companions, lists = _surroundings(x509.Certificate.load(octets))
    anchor = Anchor((_DATA / "certs" / "TrustAnchorRootCertificate.crt").read_bytes())

    judged = judge(
        octets,
        companions=companions,
        purpose=Purpose.SIGNING,
        addresses=(),
        moment=_MOMENT,
        now=_MOMENT,
        trust=Trust((anchor,), Evidence(tuple(lists), signers=tuple(companions))),
        wishes=wishes,
    )

    if name in _OTHERWISE:
        assert judged.state is _OTHERWISE[name]
        return
    assert (judged.state is State.VALID) == is_right, judged
    if is_right:
        assert judged.path[0] == octets
        assert judged.path[-1] == anchor.certificate
    else:
        why = next((state for part, state in _WHY.items() if part in name), judged.state)
        assert judged.state is why, judged


def test_all_of_pkits_is_here() -> None:
    # 4.1.1 and 4.8.1 judge one certificate
    assert len({name for name, _, _ in _cases()}) == 223
