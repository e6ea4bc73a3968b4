"""What a try means and what follows from it: the next try, the return of a message, the note of a delay.

``judge`` turns replies into results and reports; ``write_down`` puts any number of judgements into one transaction.
A judgement is made outside of it, for a report has to be written and kept.

Standards: RFC 5321 §4.5.4.1 (retries), §6.1 (who is told); RFC 3461 §5.2 (reports asked for); RFC 3464; RFC 2852 §4
(what is late by its sender's own deadline is returned, or its sender is told).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mailserver.delivery import bounce, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.results import Result, mark_delay_reported, record
from mailserver.delivery.retry import next_attempt
from mailserver.delivery.tracing import LastWord, record_last_words
from mailserver.message.report import DELAYED, DELIVERED, FAILED, RELAYED, Outcome
from mailserver.smtp.replies import Reply
from mailserver.store.database import Transaction

log = logging.getLogger("citymail.relay")

UNTRIED = Reply(451, "4.4.2", "The connection ended before the message was taken")
_NOT_YET = Reply(451, "4.4.1", "It could not yet be tried")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one try brought: the final reply of each recipient, and the host that gave it.

    ``passes_dsn`` and ``passes_deadline``: it promised to report, and to keep the deadline; ``is_final``: the host was
    ourselves; ``rest_until``: none of the domain's servers could be reached, and nobody tries before; ``is_try``:
    false when only the clock said something.
    """

    replies: Mapping[str, Reply]
    host: str = ""
    passes_dsn: bool = False
    passes_deadline: bool = False
    is_final: bool = False
    rest_until: int = 0
    is_try: bool = True


@dataclass(slots=True)
class Judgement:
    """What is to be written down about some recipients of an item."""

    item: spool.Item
    results: list[Result]
    reports: list[bounce.Report] = field(default_factory=list)
    tells_delay: bool = False
    tells_more: bool = False
    also: Callable[[Transaction], None] | None = None
    host: str = ""


def judge(
    office: PostOffice,
    item: spool.Item,
    recipients: Sequence[spool.Waiting],
    attempt: Attempt,
    also: Callable[[Transaction], None] | None = None,
) -> Judgement:
    """The results of a try for these recipients, with the reports they give rise to.  Raises Refusal if those cannot be
    kept now.
    """
    now = office.now()
    judgement = Judgement(item, [], also=also, host=attempt.host)
    outcomes: list[Outcome] = []
    lost: list[spool.Waiting] = []
    for recipient in recipients:
        reply = attempt.replies.get(recipient.forward_path, UNTRIED)
        result, outcome = _judge(office, item, recipient, reply, attempt, now)
        judgement.results.append(result)
        if outcome is not None:
            outcomes.append(outcome)
        if result.state == spool.FAILED:
            lost.append(recipient)
        if attempt.is_try or result.state == spool.FAILED:
            log.info(
                "spool=%d message=%d from=<%s> to=<%s> host=%s %s: %s",
                item.id, item.message_id, item.envelope.reverse_path, recipient.forward_path, attempt.host or "-",
                result.state, reply,
            )  # fmt: skip
    judgement.reports = bounce.report(office, item, outcomes)
    if lost and not item.envelope.reverse_path:
        judgement.reports += bounce.dead_letter(office, item)
    judgement.tells_delay = any(outcome.action == DELAYED for outcome in outcomes)
    judgement.tells_more = any(outcome.action != DELAYED for outcome in outcomes) or bool(lost)
    return judgement


def judge_overdue(office: PostOffice, item: spool.Item, last_reply: Callable[[spool.Waiting], str]) -> Judgement:
    """The clock's word on recipients whose deadline has come."""
    replies = {each.forward_path: _as_reply(each.last_reply or last_reply(each)) for each in item.recipients}
    return judge(office, item, item.recipients, Attempt(replies, is_try=False))


def write_down(tx: Transaction, owner: str, judgements: Sequence[Judgement]) -> None:
    """Results first; reports, and the trace, only of what took effect."""
    took = record(tx, owner, [result for judgement in judgements for result in judgement.results])
    record_last_words(
        tx,
        (
            (judgement.item.message_id, LastWord(result.forward_path, result.state, judgement.host, result.reply))
            for judgement in judgements
            for result in judgement.results
            if result.state not in spool.WAITING and (result.item_id, result.forward_path) in took
        ),
    )
    for judgement in judgements:
        if not any((result.item_id, result.forward_path) in took for result in judgement.results):
            continue
        if judgement.also is not None:
            judgement.also(tx)
        # Of two relays that hold recipients of one item, one tells of the delay.
        is_first = not judgement.tells_delay or mark_delay_reported(tx, judgement.item.id)
        if is_first or judgement.tells_more:
            bounce.deliver(tx, judgement.reports)


def _judge(
    office: PostOffice, item: spool.Item, recipient: spool.Waiting, reply: Reply, attempt: Attempt, now: int
) -> tuple[Result, Outcome | None]:
    """The new state of a recipient, and what its sender is told, if anything."""
    settings = office.config.relay
    notify = recipient.notify
    by_mode = item.envelope.deliver_by_mode

    def told(action: str, said: Reply, until: int | None = None) -> Outcome:
        return Outcome(
            recipient=recipient.forward_path,
            action=action,
            status=said.status,
            diagnostic=str(said),
            remote_mta=attempt.host,
            original_recipient=recipient.original_recipient,
            last_attempt=now if attempt.is_try else None,
            will_retry_until=until,
        )

    def result(state: str, at: int = 0, deadline: int = spool.NEVER) -> Result:
        return Result(item.id, recipient.forward_path, state, str(reply), at, deadline, attempt.is_try)

    if reply.is_positive:
        # RFC 3461 §5.2.2: where the next server does not promise the report, we say how far the message came.  So we do
        # for a trace (RFC 2852 §4), and where nobody will keep the deadline any more.
        relayed = "SUCCESS" in notify and not attempt.passes_dsn
        relayed = relayed or ("T" in by_mode and notify != "NEVER" and not attempt.is_final)
        relayed = relayed or ("N" in by_mode and notify != "NEVER" and not attempt.passes_deadline)
        return result(spool.SENT), told(DELIVERED if attempt.is_final else RELAYED, reply) if relayed else None
    wants_failure = notify == "" or "FAILURE" in notify
    given_up_at = item.since + settings.give_up_after
    deadline = item.envelope.deliver_by
    is_late = bool(deadline) and "R" in by_mode and now >= deadline
    if reply.is_permanent or is_late or now >= given_up_at:
        said = reply
        if not reply.is_permanent:
            limit = "The sender's deadline has passed" if is_late else "Given up"
            said = Reply(554, "5.4.7", f"{limit}; the last answer was: {reply}")
        return result(spool.FAILED), told(FAILED, said) if wants_failure else None
    wants_delay = notify == "" or "DELAY" in notify
    warned_at = item.since + settings.warn_after if settings.warn_after and not item.delay_reported else 0
    # A moment that lies behind the last look and before now has not been spoken of.
    is_missed = bool(deadline) and "N" in by_mode and recipient.deadline_at <= deadline <= now
    is_overdue = bool(warned_at) and now >= warned_at
    moments = [given_up_at]
    if warned_at > now and wants_delay:
        moments.append(warned_at)
    if deadline > now:
        moments.append(deadline)
    at = recipient.next_attempt_at
    if attempt.rest_until:
        at = attempt.rest_until
    elif attempt.is_try:
        at = next_attempt(settings.schedule, recipient.attempts + 1, now, office.random)
    later = result(spool.DUE, at, min(moments))
    if wants_delay and (is_overdue or is_missed):
        return later, told(DELAYED, reply, given_up_at)
    return later, None


def _as_reply(text: str) -> Reply:
    """What was written down as a reply's text, as a temporary one."""
    words = text.split(" ", 2)
    if len(words) == 3 and len(words[0]) == 3 and words[0].isdigit() and words[1].startswith("4."):
        return Reply(int(words[0]), words[1], words[2])
    return Reply(451, "4.4.7", text) if text else _NOT_YET
