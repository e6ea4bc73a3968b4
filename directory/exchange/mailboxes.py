"""Mailboxes of units and roles taken in, with who reads them and sends for them."""

from __future__ import annotations

from directory.database import Writing
from directory.exchange.importing import Change, Difference, Intaking, Taker
from directory.exchange.kinds import MAILBOX, Row
from directory.exchange.one_row import OneRow, change
from directory.faults import Fault
from directory.mail import account_changes, accounts, mailboxes
from directory.mail.addresses import owner_row, spelled_out
from directory.sizes import parse_size, written_size
from directory.staff import units


class MailboxTaker(Taker):
    kind = MAILBOX

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _MailboxIntaking(conn, actor)


class _MailboxIntaking(OneRow):
    def take_row(self, row: Row) -> Change:
        conn = self.conn
        if not row.get("address"):
            raise Fault("line-nameless")
        wanted = spelled_out(conn, row["address"])
        owner = owner_row(conn, wanted)
        known = accounts.find_mailbox_owner(conn, wanted) if owner is not None and owner.account_id else None
        if known is not None and known.kind == "person":
            raise Fault("address-taken", address=wanted)
        quota = parse_size(row["quota"]) if row.get("quota") else None
        language = row.get("language") or None
        found: list[Difference] = []
        if known is None:
            made = mailboxes.open_mailbox(
                conn,
                self.actor,
                address_text=wanted,
                name=row.get("name", ""),
                unit_id=units.tree(conn).find(row["unit"]).id if row.get("unit") else None,
                quota_bytes=quota or 0,
            )
            found.append(Difference("name", "", made.name))
        else:
            made = known
            if quota is not None and quota != made.quota_bytes:
                account_changes.set_quota(conn, self.actor, made.id, quota)
                found.append(Difference("quota", written_size(made.quota_bytes), written_size(quota)))
        if language is not None and language != made.language:
            account_changes.set_language(conn, self.actor, made.id, language)
            found.append(Difference("language", made.language, language))
        found += self.new_aliases(row, made.id, made.login)
        found += self._rights(row, made.id)
        return change(known is None, made.login, found)

    def _rights(self, row: Row, mailbox_id: str) -> list[Difference]:
        held = {
            right.account.id: (right.may_read, right.may_send) for right in mailboxes.rights_on(self.conn, mailbox_id)
        }
        wanted: dict[str, tuple[bool, bool]] = {}
        logins: dict[str, str] = {}
        for name, right in (("readers", (True, False)), ("senders", (False, True))):
            for login in row.get(name, ()):
                holder = accounts.find_mailbox_owner(self.conn, login)
                if holder is None:
                    raise Fault("account-unknown", account=login)
                may_read, may_send = wanted.get(holder.id, (False, False))
                wanted[holder.id] = (may_read or right[0], may_send or right[1])
                logins[holder.id] = holder.login
        found = []
        for account_id, (may_read, may_send) in wanted.items():
            had_read, had_send = held.get(account_id, (False, False))
            if (may_read and not had_read) or (may_send and not had_send):
                mailboxes.grant(
                    *(self.conn, self.actor, mailbox_id, account_id),
                    may_read=may_read or had_read,
                    may_send=may_send or had_send,
                )
                found.append(Difference("readers" if may_read else "senders", "", logins[account_id]))
        return found
