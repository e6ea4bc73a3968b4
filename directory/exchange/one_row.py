"""Records of one row, of which the steps are taken together or not at all."""

from __future__ import annotations

from directory.database import Writing
from directory.exchange.importing import Change, Difference, Intaking
from directory.exchange.kinds import Row
from directory.exchange.lines import Item
from directory.faults import Fault
from directory.mail import aliases
from directory.mail.addresses import owner_row, spelled_out


class OneRow(Intaking):
    """What a record leaves empty stays as it is, and what it lists is added to what there is."""

    def __init__(self, conn: Writing, actor: str) -> None:
        self.conn = conn
        self.actor = actor

    def take(self, item: Item) -> Change:
        try:
            with self.conn.connection.begin_nested():
                return self.take_row(item.record[0])
        except Fault:
            self.conn.memory.clear()
            raise

    def take_row(self, row: Row) -> Change:
        raise NotImplementedError

    def new_aliases(self, row: Row, owner_id: str, login: str) -> list[Difference]:
        """Aliases that lead to this account or group from now on."""
        found = []
        for alias in row.get("aliases", ()):
            wanted = spelled_out(self.conn, alias)
            owner = owner_row(self.conn, wanted)
            if owner is None or owner.state != "active" or owner_id not in (owner.account_id, owner.group_id):
                aliases.add_alias(self.conn, self.actor, wanted, login)
                found.append(Difference("aliases", "", wanted))
        return found


def change(is_new: bool, subject: str, found: list[Difference]) -> Change:
    return Change("added" if is_new else "updated" if found else "unchanged", subject, tuple(found))
