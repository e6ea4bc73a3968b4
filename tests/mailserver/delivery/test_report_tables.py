"""What reports are made of, on both engines."""

from __future__ import annotations

import json

import pytest

from mailserver.config import City, Config, Reports
from mailserver.delivery import dmarc_outcomes, dmarc_reports, received_reports, reporting, tls_outcomes, tls_reports
from mailserver.delivery.checks import Findings
from mailserver.delivery.tls_outcomes import Outcome
from mailserver.delivery.verdict import Action, Judgement, Verdict
from mailserver.refusals import Distrusted
from mailserver.store.peer_tables import received_report
from security.dkim import DkimResult
from security.dmarc import Dmarc, DmarcResult, Policy, PolicyRecord
from security.spf import Spf, SpfResult

NAMES = {"organization": "Thành phố", "submitter": "city.vn", "contact": "postmaster@city.vn"}
NOON = 1_795_000_000 - 1_795_000_000 % 86_400 + 43_200
DAY = tls_reports.day_of(NOON)
ASKS = PolicyRecord("far.example", Policy.REJECT, aggregate_to=("mailto:r@far.example",))


def outcome(action=Action.ACCEPT, *, status=Dmarc.FAIL, policy=Policy.REJECT, record=ASKS, settings=None, **more):
    sealer = more.pop("sealer", "")
    dkim = more.pop("dkim", ())
    dmarc = DmarcResult(status, "far.example", policy, record, **more)
    found = Findings(mail_from=SpfResult(Spf.FAIL, "far.example"), dkim=dkim, dmarc=dmarc)
    judgement = Judgement(found, Verdict(action, sealer=sealer))
    return dmarc_outcomes.outcome_of(settings or Reports(), "192.0.2.1", judgement, NOON)


@pytest.mark.parametrize(
    "found, disposition, reason",
    [
        (outcome(status=Dmarc.PASS, policy=Policy.NONE, aligned_spf=True), "pass", ""),
        (outcome(Action.REFUSE), "reject", ""),
        (outcome(Action.JUNK, policy=Policy.QUARANTINE), "quarantine", ""),
        (outcome(Action.QUARANTINE, policy=Policy.QUARANTINE), "quarantine", ""),
        (outcome(policy=Policy.NONE), "none", ""),
        (outcome(Action.JUNK), "quarantine", "local_policy"),
        (outcome(), "none", "local_policy"),
        (outcome(policy=Policy.NONE, sampled_out=True), "none", "policy_test_mode"),
        (outcome(Action.ACCEPT, sealer="list.example"), "none", "trusted_forwarder"),
    ],
)
def test_what_was_done_and_why_it_was_not_what_was_asked(found, disposition, reason):
    detail = json.loads(found["detail"])
    assert (detail["disposition"], detail["reason"]) == (disposition, reason)


def test_what_is_not_counted():
    assert outcome(record=None) is None
    assert outcome(record=PolicyRecord("far.example", Policy.REJECT)) is None  # nobody asks
    assert outcome(Action.DEFER) is None  # it comes again
    assert outcome(status=Dmarc.TEMPERROR) is None
    assert outcome(status=Dmarc.NONE) is None
    assert outcome(settings=Reports(dmarc=False)) is None
    assert dmarc_outcomes.outcome_of(Reports(), "192.0.2.1", None, NOON) is None
    refused = Judgement(Findings(), Verdict(Action.REFUSE, refusal=Distrusted()))
    assert dmarc_outcomes.outcome_of(Reports(), "192.0.2.1", refused, NOON) is None


def test_the_signatures_that_say_most_are_told():
    results = [DkimResult("fail", f"x{n}.example", "s") for n in range(30)]
    results += [DkimResult("pass", "else.example", "s"), DkimResult("pass", "far.example", "s"), DkimResult("neutral")]
    told = json.loads(outcome(dkim=tuple(results))["detail"])["signatures"]
    assert told[:2] == [["far.example", "s", "pass"], ["else.example", "s", "pass"]]
    assert len(told) == dmarc_outcomes.MOST_SIGNATURES


def do(store, job):
    return store.write(job).result()


def test_dmarc_is_counted_and_cleared_by_policy(any_store):
    other = PolicyRecord("far.example", Policy.NONE, aggregate_to=("mailto:r@far.example",))
    for each in (outcome(), outcome(), outcome(Action.REFUSE), outcome(policy=Policy.NONE, record=other)):
        do(any_store, lambda tx, each=each: dmarc_outcomes.add(tx, each))
    do(any_store, lambda tx: dmarc_outcomes.add(tx, None))
    with any_store.read() as connection:
        assert dmarc_outcomes.days_waiting(connection, DAY) == []
        assert dmarc_outcomes.days_waiting(connection, "9999-01-01") == [(DAY, "far.example")]
        strict, told = dmarc_outcomes.policies_of(connection, DAY, "far.example")
        assert json.loads(strict)["p"] == "reject"
        first = dmarc_reports.make(connection, DAY, "far.example", strict, **NAMES)
        assert first == dmarc_reports.make(connection, DAY, "far.example", strict, **NAMES)
        assert first.report_id != dmarc_reports.make(connection, DAY, "far.example", told, **NAMES).report_id
        assert dmarc_reports.make(connection, DAY, "near.example", strict, **NAMES) is None
    assert do(any_store, lambda tx: dmarc_outcomes.clear(tx, DAY, "far.example", strict)) == 2
    assert do(any_store, lambda tx: dmarc_outcomes.clear(tx, DAY, "far.example", strict)) == 0
    with any_store.read() as connection:
        assert dmarc_outcomes.policies_of(connection, DAY, "far.example") == [told]


def test_tls_is_made_into_one_report_for_a_day_and_a_domain(any_store):
    policy = json.dumps({"policy-type": "tlsa", "policy-string": [], "policy-domain": "far.example"})
    counted = {
        Outcome(DAY, "far.example", policy): 3,
        Outcome(DAY, "far.example", policy, "starttls-not-supported", "mx.far.example", "192.0.2.1"): 2,
        Outcome(DAY, "near.example", policy): 1,
        Outcome("2000-01-01", "far.example", policy): 1,
    }
    do(any_store, lambda tx: tls_outcomes.add(tx, counted))
    with any_store.read() as connection:
        waiting = tls_reports.days_waiting(connection, "9999-01-01")
        assert waiting == [("2000-01-01", "far.example"), (DAY, "far.example"), (DAY, "near.example")]
        document = tls_reports.make(connection, DAY, "far.example", **NAMES)
        assert document == tls_reports.make(connection, DAY, "far.example", **NAMES)
        assert tls_reports.make(connection, DAY, "nobody.example", **NAMES) is None
    assert do(any_store, lambda tx: tls_reports.clear(tx, DAY, "far.example")) == 2
    with any_store.read() as connection:
        assert len(tls_reports.days_waiting(connection, "9999-01-01")) == 2


def test_received_reports_are_found_by_kind_domain_and_age(any_store):
    row = {"reporter": "Xa", "received_at": 100, "sender": "", "content": "[]"}
    rows = [
        {**row, "digest": "1", "kind": "dmarc", "domain": "city.vn", "begin_at": 1, "end_at": 2},
        {**row, "digest": "2", "kind": "dmarc", "domain": "so.city.vn", "begin_at": 5, "end_at": 6},
        {**row, "digest": "3", "kind": "tls", "domain": "city.vn", "begin_at": 3, "end_at": 9},
    ]
    do(any_store, lambda tx: tx.connection.execute(received_report.insert(), rows))

    def found(**wanted):
        with any_store.read() as connection:
            return [each["digest"] for each in received_reports.find(connection, **wanted)]

    assert found() == ["1", "3", "2"]
    assert found(kind="tls") == ["3"]
    assert found(domain="CITY.vn") == ["1", "3"]
    assert found(since=6) == ["3", "2"]
    assert do(any_store, lambda tx: received_reports.sweep(tx, 100)) == 0
    assert do(any_store, lambda tx: received_reports.sweep(tx, 101)) == 3


def test_reports_speak_of_us_in_ascii():
    config = Config(city=City(domain="thành-phố.example"))
    assert reporting.contact_of(config) == "postmaster@xn--thnh-ph-9va4010e.example"
    named = Config(reports=Reports(contact="bao-cao@sở.example"))
    assert reporting.contact_of(named) == "bao-cao@xn--s-lym.example"
    assert reporting.name_in_ascii("\u0378.example") == "\u0378.example"  # no name at all
