"""What somebody chose for himself in the webmail, and nobody else need know.

``CHOICES`` is all there is to choose; what is not in it is not kept.  Nothing here is recorded or remembered: it is
asked once a page.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from directory.database import Reading, Writing
from directory.tables import preference

# Seconds for which what was sent may be taken back.
UNDO_SEND = "undo_send"

# How wide the list is beside the open message (percent), and the mailboxes (pixels).
LIST_WIDTH = "list-width"
SIDEBAR_WIDTH = "sidebar-width"

# Whether a letter typed outside of a field does something (WCAG 2.2, 2.1.4): who speaks to his computer says letters.
SHORTCUTS = "shortcuts"

CHOICES: dict[str, tuple[str, ...]] = {
    UNDO_SEND: ("0", "5", "10", "20", "30"),
    LIST_WIDTH: tuple(map(str, range(25, 66))),
    SIDEBAR_WIDTH: tuple(map(str, range(180, 401))),
    SHORTCUTS: ("on", "off"),
}


def preferences_of(conn: Reading | Writing, account_id: str) -> dict[str, str]:
    """What the account's owner chose; what he did not choose is not there, nor what cannot be chosen any more."""
    rows = conn.execute(select(preference.c.name, preference.c.value).where(preference.c.account_id == account_id))
    return {row.name: row.value for row in rows if row.value in CHOICES.get(row.name, ())}


def prefer(conn: Writing, account_id: str, name: str, value: str) -> None:
    """Raises ValueError for what is not to be chosen."""
    if value not in CHOICES.get(name, ()):
        raise ValueError(f"{name}={value}")
    conn.execute(delete(preference).where(preference.c.account_id == account_id, preference.c.name == name))
    conn.execute(insert(preference).values(account_id=account_id, name=name, value=value))
