"""What stands below what somebody writes: nothing, what the directory says of him, which is always of today, or words
of his own.  A unit's mailbox has one of its own.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from directory.database import Reading, Writing
from directory.mail.accounts import find_account
from directory.tables import account, person, signature

LONGEST = 2000


def signature_of(conn: Reading | Writing, account_id: str) -> str:
    """Lines; empty where there is to be none."""
    chosen = chosen_text(conn, account_id)
    if chosen is None:
        return ""
    return chosen or from_directory(conn, account_id)


def chosen_text(conn: Reading | Writing, account_id: str) -> str | None:
    """What was chosen: None for nothing, empty for what the directory says."""
    text: str | None = conn.execute(select(signature.c.text).where(signature.c.account_id == account_id)).scalar()
    return text


def from_directory(conn: Reading | Writing, account_id: str) -> str:
    """Name, post and unit, telephone, address: each on a line, as far as it is known."""
    owner = find_account(conn, account_id)
    if owner is None:
        return ""
    phone = conn.execute(
        select(person.c.phone).join(account, account.c.person_id == person.c.id).where(account.c.id == account_id)
    ).scalar()
    post = " · ".join(part for part in (owner.title, owner.unit) if part)
    return "\n".join(line for line in (owner.name, post, phone or "", owner.login) if line)


def choose(conn: Writing, account_id: str, text: str | None) -> None:
    """None: no signature; empty: what the directory says.  What is too long loses its end."""
    conn.execute(delete(signature).where(signature.c.account_id == account_id))
    if text is not None:
        lines = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\0", "").strip().split("\n"))
        conn.execute(insert(signature).values(account_id=account_id, text=lines[:LONGEST]))
