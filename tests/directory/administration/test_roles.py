"""The policy of administration: what no role, unit, rank or day ever allows."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.administration.roles import (
    ATTRIBUTE_NAMES,
    ATTRIBUTES,
    NO_STANDING,
    ROLES,
    Delegation,
    Role,
    Subject,
    attribute_of,
    decide,
    has_operation,
)

UNITS = ("city", "health", "health.office", "finance", "ward")
ABOVE = {"city": (), "health": ("city",), "health.office": ("health", "city"), "finance": ("city",), "ward": ("city",)}
OPERATIONS = (
    *("official.join", "official.move", "official.rename", "mailbox.passwd", "mailbox.lock", "mailbox.admin"),
    *("mailbox.restore", "alias.add", "group.add", "group.approve", "group.member.add", "unit.add", "unit.close"),
    *("plan.approve", "admin.grant", "audit.read", "dkim.make", "domain.add", "app-password.revoke", "something.new"),
)
DAYS = ("2026-01-01", "2026-06-30", "2026-07-01", "2026-12-31")


def path(unit: str) -> frozenset[str]:
    return frozenset((unit, *ABOVE[unit]))


days = st.sampled_from(DAYS)
delegations = st.builds(
    Delegation,
    id=st.just("d"),
    account_id=st.just("me"),
    role=st.sampled_from(get_args(Role)),
    unit_id=st.none() | st.sampled_from(UNITS),
    attributes=st.frozensets(st.sampled_from(ATTRIBUTE_NAMES), max_size=3),
    below_rank=st.none() | st.integers(0, 99),
    valid_until=st.none() | days,
)
subjects = st.builds(
    Subject,
    account_id=st.sampled_from(("", "me", "other")),
    rank=st.none() | st.integers(1, 99),
    standing=st.sampled_from((1, 2, 3, 4, NO_STANDING)),
    paths=st.lists(st.sampled_from(UNITS).map(path), max_size=3).map(tuple),
)


@given(st.integers(1, 99), st.lists(delegations, max_size=4), st.sampled_from(OPERATIONS), subjects, days)
def test_no_role_is_ever_above_itself(
    rank: int, held: list[Delegation], operation: str, subject: Subject, day: str
) -> None:
    decision = decide("me", rank, held, operation, subject, day)
    if not decision.allowed:
        assert decision.reason
        return
    by = decision.by
    assert by in held
    assert subject.account_id != "me"
    assert by.valid_until is None or day <= by.valid_until
    assert subject.standing > ROLES[by.role].standing
    limit = rank if by.below_rank is None else by.below_rank
    assert subject.rank is None or subject.rank > limit
    if by.unit_id is not None:
        assert subject.paths
        assert all(by.unit_id in each for each in subject.paths)
    assert has_operation(by.role, operation)
    if by.attributes:
        assert ATTRIBUTES.get(operation) in by.attributes or attribute_of(operation) in by.attributes


@given(st.integers(1, 99), st.lists(delegations, min_size=1, max_size=4), st.sampled_from(OPERATIONS), subjects, days)
def test_more_delegations_never_take_anything_away(
    rank: int, held: list[Delegation], operation: str, subject: Subject, day: str
) -> None:
    one = decide("me", rank, held[:1], operation, subject, day)
    all_of_them = decide("me", rank, held, operation, subject, day)
    assert all_of_them.allowed or not one.allowed


@given(st.sampled_from(OPERATIONS), subjects, days)
def test_who_holds_nothing_may_do_nothing(operation: str, subject: Subject, day: str) -> None:
    assert not decide("me", 1, [], operation, subject, day).allowed


@pytest.mark.parametrize(
    ("role", "operation", "allowed"),
    [
        ("city-admin", "plan.approve", True),
        ("city-admin", "something.new", True),
        ("unit-admin", "official.join", True),
        ("unit-admin", "plan.approve", False),
        ("unit-admin", "dkim.make", False),
        ("hr-clerk", "official.move", True),
        ("hr-clerk", "mailbox.passwd", False),
        ("hr-clerk", "officials", False),
        ("helpdesk", "mailbox.passwd", True),
        ("helpdesk", "mailbox.unlock", True),
        ("helpdesk", "mailbox.restore", False),
        ("helpdesk", "mailbox.grant", False),
        ("list-moderator", "group.approve", True),
        ("list-moderator", "group.remove", False),
        ("auditor", "audit.read", True),
        ("auditor", "mailbox.lock", False),
    ],
)
def test_what_a_role_is_for(role: Role, operation: str, *, allowed: bool) -> None:
    held = [Delegation("d", "me", role, None, frozenset(), 0, None)]
    assert decide("me", 60, held, operation, Subject("other", 60), "2026-03-02").allowed is allowed


def test_the_auditor_changes_nothing() -> None:
    assert all(not has_operation("auditor", operation) for operation in ATTRIBUTES if operation != "group.see-members")


def test_nobody_gives_a_role_that_stands_as_high_as_his_own() -> None:
    for rule in ROLES.values():
        assert all(ROLES[given].standing > rule.standing for given in rule.grants)


def test_the_nearest_reason_is_told() -> None:
    held = [
        Delegation("a", "me", "helpdesk", "finance", frozenset(), 0, None),
        Delegation("b", "me", "helpdesk", "health", frozenset(), 60, None),
        Delegation("c", "me", "auditor", None, frozenset(), 0, None),
    ]
    subject = Subject("other", 60, NO_STANDING, (path("health.office"),))
    assert decide("me", 60, held, "mailbox.passwd", subject, "2026-03-02").reason == "rank"
