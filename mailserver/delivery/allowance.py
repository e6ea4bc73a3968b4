"""How much one login may send within an hour: a stolen password is not to write to the world in the city's name.

Counted in the transaction that takes the message, so exactly, whichever process took it.  What is refused is not
counted.  Who runs into a limit is told when he sends; postmaster is told by mail, once an hour for each login.

Standards: RFC 6409 §6 (what a submission server may enforce), RFC 4954 §6 and RFC 3463 §3.8 (codes), RFC 3834 §5
(Auto-Submitted).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from sqlalchemy import text

from directory.mail.accounts import Account
from mailserver.config import Sending
from mailserver.delivery import local, spool
from mailserver.delivery.post_office import PostOffice
from mailserver.message.compose import Draft, compose
from mailserver.message.entity import Correspondent
from mailserver.refusals import SendingLimit
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared

log = logging.getLogger("citymail.delivery")

WINDOW = 3600  # seconds
_MESSAGE, _RECIPIENT, _ALARM = 0, 1, 2


_FORGET = Prepared(text("DELETE FROM sending WHERE account_id = :account AND sent_at <= :since"))
_NOTE = Prepared(
    text(
        "INSERT INTO sending (account_id, kind, name, sent_at) VALUES (:account, :kind, :name, :now)"
        " ON CONFLICT (account_id, kind, name) DO UPDATE SET sent_at = excluded.sent_at"
    )
)
_COUNT = Prepared(text("SELECT kind, count(*) FROM sending WHERE account_id = :account GROUP BY kind"))
_SWEEP = Prepared(text("DELETE FROM sending WHERE sent_at <= :since"))


def spend(tx: Transaction, settings: Sending, submitter: Account, reference: str, paths: Iterable[str]) -> None:
    """Count a message to these forward-paths, in a transaction that holds the submitter's INBOX: whoever sends by the
    same login at the same time waits.  Raises SendingLimit.
    """
    if submitter.login in settings.unlimited:
        return
    account = {"account": submitter.id}
    _FORGET.run(tx.connection, {**account, "since": tx.now - WINDOW})
    rows = [{**account, "kind": _MESSAGE, "name": reference, "now": tx.now}]
    rows += [{**account, "kind": _RECIPIENT, "name": path.lower(), "now": tx.now} for path in paths]
    _NOTE.run_many(tx.connection, rows)
    counted = dict(_COUNT.tuples(tx.connection, account))
    for kind, limit, what in (
        (_MESSAGE, settings.messages_per_hour, "messages"),
        (_RECIPIENT, settings.recipients_per_hour, "recipients"),
    ):
        if limit and counted.get(kind, 0) > limit:
            raise SendingLimit(reason=f"{submitter.login} would send {what} beyond {limit} within an hour")


def alarm(office: PostOffice, submitter: Account, client: str) -> Future[Any]:
    """Tell postmaster that a login ran into a limit, unless he was told within the hour."""
    log.warning("login=%s client=%s sends too much and is refused", submitter.login, client)
    postmaster = f"postmaster@{office.config.city.domain}"
    octets = compose(
        Draft(
            author=Correspondent(postmaster, "CityMail"),
            to=(Correspondent(postmaster),),
            subject=f"Gửi thư quá nhiều / Sends too much: {submitter.login}",
            text=_NOTICE.format(login=submitter.login, client=client, sending=office.config.sending),
            extra_fields=(("Auto-Submitted", "auto-generated"),),
        ),
        message_id=f"<{office.new_reference()}.{office.now()}@{office.config.city.hostname}>",
        date=office.now(),
    )

    def job(tx: Transaction) -> None:
        _FORGET.run(tx.connection, {"account": submitter.id, "since": tx.now - WINDOW})
        if dict(_COUNT.tuples(tx.connection, {"account": submitter.id})).get(_ALARM):
            return
        _NOTE.run(tx.connection, {"account": submitter.id, "kind": _ALARM, "name": "", "now": tx.now})
        # By way of the spool: whom postmaster's mail reaches is looked up there.
        who = local.Distribution(remote=(spool.SpoolRecipient(postmaster),))
        local.deliver(tx, office.store.prepare(octets), who, spool.Envelope(reverse_path="", eight_bit=True))

    return office.store.write(job, [office.inbox_of(submitter.id)])


_NOTICE = """\
Tài khoản {login} đã gửi quá giới hạn trong một giờ ({sending.messages_per_hour} thư, {sending.recipients_per_hour} \
người nhận), lần cuối từ địa chỉ {client}. Thư gửi thêm bị từ chối. Mật khẩu có thể đã bị lộ: hãy liên hệ người dùng, \
và nếu cần thì khóa tài khoản: citymail mailbox lock {login}

The login {login} has sent beyond the limits of an hour ({sending.messages_per_hour} messages, \
{sending.recipients_per_hour} recipients), last from {client}. More is refused. The password may be stolen: ask the \
person, and if need be lock the account: citymail mailbox lock {login}
"""


def sweep(tx: Transaction) -> None:
    """Forget what no limit looks at any more."""
    _SWEEP.run(tx.connection, {"since": tx.now - WINDOW})
