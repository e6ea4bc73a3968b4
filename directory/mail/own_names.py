"""Names that people give to what is their own: labels, searches, templates, groups of contacts."""

from __future__ import annotations

from directory.faults import Fault
from directory.words.names import tidy


def checked_name(name: str, longest: int) -> str:
    """As it is kept.  Raises Fault for none, and for one that is too long."""
    name = tidy(name)
    if not name:
        raise Fault("name-empty")
    if len(name) > longest:
        raise Fault("text-long", what="name", limit=longest)
    return name
