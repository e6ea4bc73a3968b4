"""Mail to moderated groups: it waits in the spool until a moderator lets it pass or turns it away.

It is held where a group is expanded (``directory.mail.recipients.resolve``): behind aliases and inside other
groups too, and whoever delivers it, from outside or from here.  A group is decided about by itself, though a
message went to several.
Moderators are told of each message, with the message, until so many wait for a group that telling more is no help; of
junk they are not told.  They are reminded when two thirds of ``[reception] moderation_days`` are over; when all are,
it is turned away as undecided.

Who is told that his message was turned away: one of ours always; a sender outside only if the message was no junk and
SPF proved, when it came, that his domain sent it, for a forged sender must get nothing (RFC 5321 §6.2).

Standards: RFC 3464; RFC 3463 §3.5 (5.4.7: nobody decided in time), §3.8 (5.7.2: the moderators decided).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from directory.database import CITY_TIME, Directory, Reading
from directory.mail.addresses import normalise, owner_row
from directory.mail.group_rights import moderators
from directory.record import record
from mailserver.delivery import bounce, queue, spool
from mailserver.delivery.bounce import Report
from mailserver.delivery.notices import notice
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.queue import MODERATED, Choice, Queued
from mailserver.delivery.tracing import LastWord, is_vouched_for, record_last_words
from mailserver.message.encoded_words import decode_words
from mailserver.message.entity import Attachment
from mailserver.message.headers import find_field
from mailserver.message.report import FAILED, Outcome
from mailserver.refusals import NoSuchMessage
from mailserver.store import Store
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.tables import mailbox, placement

# Beyond so many that wait for a group its moderators are not told of more.
_MOST_TOLD = 50
# Seconds of each day that it may wait, after which moderators are reminded: two thirds.
_REMIND_AFTER = 57_600
# Of a larger message they get the header.
_WHOLE_LIMIT = 1024 * 1024


def notices_of(office: PostOffice, groups: Sequence[spool.SpoolRecipient], content: Content) -> list[Report]:
    """For the moderators of the groups for which a message is about to wait that comes in now."""
    summary = content.summary
    octets = content.header + content.text if content.text is not None else content.header
    return _notices(office, groups, octets, summary.author_address, summary.subject) if groups else []


def notices_of_kept(office: PostOffice, groups: Sequence[spool.SpoolRecipient], item: spool.Item) -> list[Report]:
    """The same for one that is in the spool already."""
    if not groups:
        return []
    with office.store.read() as connection:
        octets = office.store.octets(connection, item.message_id, 0, min(item.size, _WHOLE_LIMIT + 1))
    header, _, _ = octets.partition(b"\r\n\r\n")
    subject = decode_words(find_field(header, "Subject") or "")
    return _notices(office, groups, octets, item.envelope.reverse_path, subject)


def _notices(
    office: PostOffice, groups: Sequence[spool.SpoolRecipient], octets: bytes, author: str, subject: str
) -> list[Report]:
    reports = []
    for group in groups:
        address = group.forward_path
        before = queue.list_queued(
            office.store, Choice(state=MODERATED, groups=(address,), junk=False), limit=_MOST_TOLD
        )
        if len(before) == _MOST_TOLD:
            continue
        told = _moderators_of(office, address)
        if told:
            reports.append(_notice(office, address, told, before, octets, author, subject))
    return reports


def _moderators_of(office: PostOffice, group: str) -> list[str]:
    """Ids of their accounts."""
    with office.directory.read() as people:
        row = owner_row(people, normalise(group))
        told = moderators(people, row.group_id) if row is not None and row.group_id is not None else []
    return [each.id for each in told]


def waiting(store: Store, groups: tuple[str, ...] = (), *, limit: int | None = None) -> list[Queued]:
    """What waits for the moderators of these groups, or of any, oldest first."""
    return queue.list_queued(store, Choice(state=MODERATED, groups=groups), limit=limit)


def approve(store: Store, directory: Directory, actor: str, ids: Sequence[int], *, origin: str, reason: str) -> int:
    """Let messages go on to the members.  Raises NoSuchMessage, and Refused where he may not who answers for it."""
    _on_record(store, directory, "group.approve", actor, ids, origin, reason)
    return queue.release(store, Choice(tuple(ids), state=MODERATED))


def reject(office: PostOffice, actor: str, ids: Sequence[int], *, origin: str, reason: str) -> int:
    """Turn messages away, and tell those of ours who sent them.  Raises NoSuchMessage, and Refused."""
    found = _on_record(office.store, office.directory, "group.reject", actor, ids, origin, reason)
    with office.store.read() as connection:
        items = spool.load_items(connection, [each.id for each in found])
    said = f"550 5.7.2 The moderators of the group did not let it pass{f': {reason}' if reason else ''}"
    return sum(_turn_away(office, item, "5.7.2", said) for item in items)


def expires_at(created_at: int, days: int) -> int:
    """When what waits is turned away; 0: never."""
    return created_at + days * 86_400 if days else 0


def remind(office: PostOffice) -> int:
    """Tell moderators, once, of what waits for them and will not wait for ever; how many messages."""
    days = office.config.reception.moderation_days
    if not days:
        return 0
    late = Choice(state=MODERATED, before=office.now() - days * _REMIND_AFTER, junk=False)
    with office.store.read() as connection:
        ids = {each.id: each for each in queue.list_queued(office.store, late)}
        fresh = spool.not_reminded(connection, list(ids))
    for group in dict.fromkeys(ids[each].moderation for each in fresh):
        of_group = [ids[each] for each in fresh if ids[each].moderation == group]
        told = _moderators_of(office, group)
        lines = "\n".join(_line(each.created_at, each.reverse_path, each.subject) for each in of_group[:_MOST_TOLD])
        day = f"{datetime.fromtimestamp(expires_at(of_group[0].created_at, days), CITY_TIME):%d/%m/%Y}"
        subject = f"Nhắc: thư chờ kiểm duyệt / Mail still waits for you: {group}"
        text = _REMINDER.format(group=group, waiting=lines, count=len(of_group), day=day)
        reports = [notice(office, told, group, subject, text)] if told else []

        def job(tx: Transaction, reports: list[Report] = reports, of_group: list[Queued] = of_group) -> None:
            spool.mark_reminded(tx, [each.id for each in of_group])
            bounce.deliver(tx, reports)

        office.store.write(job, heavy=True).result()
    return len(fresh)


def expire(office: PostOffice) -> int:
    """Turn away what nobody has decided about in time; how many messages."""
    days = office.config.reception.moderation_days
    if not days:
        return 0
    found = queue.list_queued(office.store, Choice(state=MODERATED, before=office.now() - days * 86_400))
    if not found:
        return 0
    _write_down(office.directory, "group.expire", "housekeeper", found)
    with office.store.read() as connection:
        items = spool.load_items(connection, [each.id for each in found])
    said = f"550 5.4.7 No moderator of the group decided about it within {days} days"
    return sum(_turn_away(office, item, "5.4.7", said) for item in items)


def opened(people: Reading, item: spool.Item) -> frozenset[str]:
    """The group that a moderator has opened for a message."""
    row = owner_row(people, normalise(item.moderation)) if item.moderation else None
    return frozenset((row.group_id,)) if row is not None and row.group_id is not None else frozenset()


def already_reached(store: Store, item: spool.Item) -> frozenset[str]:
    """Accounts that a message has reached by another way than the group that now gets it."""
    if not item.moderation:
        return frozenset()
    statement = (
        select(mailbox.c.account_id)
        .join(placement, placement.c.mailbox_id == mailbox.c.id)
        .where(placement.c.message_id == item.message_id, mailbox.c.special_use.is_distinct_from("\\Sent"))
    )
    with store.read() as connection:
        return frozenset(connection.execute(statement).scalars())


def _on_record(
    store: Store, directory: Directory, action: str, actor: str, ids: Sequence[int], origin: str, reason: str
) -> list[Queued]:
    """Written down first: nothing gets through that nobody can find out about."""
    found = queue.list_queued(store, Choice(tuple(ids), state=MODERATED))
    missing = set(ids) - {each.id for each in found}
    if missing or not ids:
        raise NoSuchMessage(f"No message {min(missing, default=0)} waits for a moderator")
    _write_down(directory, action, actor, found, origin, reason)
    return found


def _write_down(
    directory: Directory, action: str, actor: str, found: Sequence[Queued], origin: str = "", reason: str = ""
) -> None:
    with directory.write(origin=origin, reason=reason) as conn:
        for each in found:
            record(conn, actor, action, each.moderation, sender=each.reverse_path, title=each.subject, item=each.id)


def _may_be_told(office: PostOffice, item: spool.Item) -> bool:
    if item.envelope.submitter:
        return True
    with office.store.read() as connection:
        return not item.envelope.is_junk and is_vouched_for(connection, item.message_id, item.envelope.reverse_path)


def _turn_away(office: PostOffice, item: spool.Item, status: str, said: str) -> bool:
    outcomes = [
        Outcome(each.forward_path, FAILED, status, said, original_recipient=each.original_recipient)
        for each in item.recipients
        if "NEVER" not in each.notify
    ]
    reports = bounce.report(office, item, outcomes) if _may_be_told(office, item) else []
    words = [LastWord(each.forward_path, "failed", "", said) for each in item.recipients]

    def job(tx: Transaction) -> bool:
        if not spool.is_held(tx, item.id):  # a moderator has let it pass meanwhile
            return False
        record_last_words(tx, ((item.message_id, word) for word in words))
        bounce.deliver(tx, reports)
        return spool.remove_item(tx, item.id)

    return office.store.write(job, heavy=True).result()


def _notice(
    office: PostOffice,
    group: str,
    told: Sequence[str],
    before: Sequence[Queued],
    octets: bytes,
    author: str,
    subject: str,
) -> Report:
    header, _, body = octets.partition(b"\r\n\r\n")
    is_whole = len(octets) <= _WHOLE_LIMIT and body
    original = (
        Attachment("message.eml", "message/rfc822", octets)
        if is_whole
        else Attachment("header.txt", "text/rfc822-headers", header + b"\r\n")
    )
    lines = [_line(each.created_at, each.reverse_path, each.subject) for each in before]
    text = _TEXT.format(group=group, waiting="\n".join([*lines, _line(office.now(), author, subject)]))
    return notice(office, told, group, f"Thư chờ kiểm duyệt / Mail waits for you: {group}", text, (original,))


def _line(at: int, sender: str, subject: str) -> str:
    return f"  {datetime.fromtimestamp(at, CITY_TIME):%d/%m/%Y %H:%M}  {sender or '<>'}  {subject}"


_TEXT = """\
Thư sau đây gửi tới nhóm {group} đang chờ kiểm duyệt:

{waiting}

Thư mới nhất được đính kèm. Xem danh sách và quyết định: citymail --as BẠN group held; group approve MÃ; group reject MÃ

The following mail to {group} waits for a moderator (the newest is attached). To list it and to decide: citymail --as \
YOU group held; group approve ID; group reject ID
"""

_REMINDER = """\
{count} thư gửi tới nhóm {group} vẫn chờ kiểm duyệt; thư cũ nhất sẽ bị trả lại vào ngày {day} nếu chưa ai quyết định:

{waiting}

Xem danh sách và quyết định: citymail --as BẠN group held; group approve MÃ; group reject MÃ

Mail to {group} still waits for a moderator ({count}); the oldest is turned away on {day} (day/month/year) if nobody \
decides: citymail --as YOU group held; group approve ID; group reject ID
"""
