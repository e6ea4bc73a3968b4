"""A DNS that is a table, for functions that ask (``security.dns.Asking``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from security.dns import Answer, Asking, Kind, Question, Record, Status

T = TypeVar("T")

Entry = Answer | Status | Sequence[Record]


class DnsTable:
    """Records by (name, kind): a list of records, a Status, or a whole Answer.

    A name without a record of the kind asked for is EMPTY, as is one with names below it; any other is NO_NAME.
    CNAMEs are followed.  ``asked`` is what was asked, ``rounds`` how often one had to wait.
    """

    def __init__(self, records: Mapping[tuple[str, Kind], Entry] | None = None) -> None:
        self.records = {(_plain(name), kind): entry for (name, kind), entry in (records or {}).items()}
        self.asked: list[Question] = []
        self.rounds = 0

    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        name = _plain(question.name)
        for _ in range(9):
            entry = self.records.get((name, question.kind))
            alias = self.records.get((name, "CNAME")) if entry is None else None
            if alias is None:
                return self._found(name, entry)
            if not isinstance(alias, Sequence):
                return self._found(name, alias)
            name = _plain(str(alias[0]))
        return Answer(Status.FAILED, fault="a ring of CNAMEs")

    def _found(self, name: str, entry: Entry | None) -> Answer:
        if isinstance(entry, Answer):
            return entry
        if isinstance(entry, Status):
            return Answer(entry, fault=entry.value, name=name)
        if entry:
            return Answer(Status.FOUND, tuple(entry), ttl=300, name=name)
        exists = any(known == name or known.endswith(f".{name}") for known, _ in self.records)
        return Answer(Status.EMPTY if exists else Status.NO_NAME, ttl=300, name=name)

    def run(self, asking: Asking[T]) -> T:
        """Run a function that asks to its end."""
        try:
            questions = next(asking)
            while True:
                self.rounds += 1
                questions = asking.send(tuple(self.answer(question) for question in questions))
        except StopIteration as end:
            value: T = end.value
            return value


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
