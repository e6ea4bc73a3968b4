"""The mail store: mailboxes, messages, their changes, and the one door through which they change."""

from mailserver.store.store import Store, open_store

__all__ = ["Store", "open_store"]
