"""The threading algorithms, on numbers alone: messages in mailbox order → trees of their places.

A tree's nodes are numbers below ``len(messages)`` for messages, and others for dummies: ids that are spoken of, or
subjects that several threads share, without a message.  Nothing here recurses: a thread may be as deep as a mailbox
is long.

Standards: RFC 5256 §3 (ORDEREDSUBJECT, REFERENCES); draft-ietf-morg-inthread-01 §4 (REFS: REFERENCES without step 5,
threads in the order of their newest internal date).
Limits: 20 million steps in search of loops, and 4 million ids beside the messages: so tangled is no mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from mailserver.message.ancestry import Ancestry, read_ancestry
from mailserver.refusals import LimitReached

MAX_STEPS = 20_000_000
MAX_DUMMIES = 4_000_000
# Octets of an answer made at a time, about.
_PIECE = 1 << 16


class TooTangled(LimitReached):
    default_text = "The references of these messages are too tangled to thread"


@dataclass(slots=True)
class Messages:
    """Columns of the messages to be threaded, in mailbox order."""

    dates: list[int] = field(default_factory=list)  # sent, or else internal
    arrivals: list[int] = field(default_factory=list)  # internal
    subjects: list[int] = field(default_factory=list)  # a number for each base subject, 0 for the empty one
    answers: bytearray = field(default_factory=bytearray)
    _numbers: dict[str, int] = field(default_factory=lambda: {"": 0})

    def add(self, base_subject: str, date: int, arrival: int, is_answer: bool) -> None:
        self.subjects.append(self._numbers.setdefault(base_subject, len(self._numbers)))
        self.dates.append(date)
        self.arrivals.append(arrival)
        self.answers.append(is_answer)


@dataclass(slots=True)
class Forest:
    """Roots in the order of their threads, and each node's children in theirs."""

    roots: list[int]
    children: dict[int, list[int]]


def ordered_subject(messages: Messages) -> Forest:
    """ORDEREDSUBJECT: one thread for each base subject, the first message above all others."""
    threads: dict[int, list[int]] = {}
    for place, subject in enumerate(messages.subjects):
        threads.setdefault(subject, []).append(place)
    children: dict[int, list[int]] = {}
    roots = []
    for members in threads.values():
        members.sort(key=messages.dates.__getitem__)
        roots.append(members[0])
        if len(members) > 1:
            children[members[0]] = members[1:]
    roots.sort(key=lambda place: (messages.dates[place], place))
    return Forest(roots, children)


class References:
    """Step 1 of REFERENCES, one message after the other."""

    def __init__(self) -> None:
        self._node_of: dict[int, int] = {}  # id → node
        self._parent: list[int] = []  # node → node, -1 for none
        self._has_children = bytearray()
        self._place: list[int] = []  # node → message, -1 for a dummy
        self._nodes: list[int] = []  # message → node
        self._steps = MAX_STEPS

    def add(self, ancestry: Ancestry) -> None:
        node_of, parent = self._node_of, self._parent
        last = -1
        for reference in ancestry.references:  # (A)
            node = node_of.get(reference, -1)
            if node < 0:
                node = self._new(-1)
                node_of[reference] = node
            # A link that is there already stays.
            if last >= 0 and parent[node] < 0:
                self._link(last, node)
            last = node
        place = len(self._nodes)
        node = node_of.get(ancestry.own, -1) if ancestry.own else -1
        if node < 0 or self._place[node] >= 0:
            # Without a valid id, or with one that a message before it has: then its own is of no use.
            is_first = node < 0
            node = self._new(place)
            if ancestry.own and is_first:
                node_of[ancestry.own] = node
        else:
            self._place[node] = place
        self._nodes.append(node)
        parent[node] = -1  # (B): what its own references say counts more than what others' say
        if last >= 0:
            self._link(last, node)

    def _new(self, place: int) -> int:
        node = len(self._parent)
        if node - len(self._nodes) > MAX_DUMMIES:
            raise TooTangled
        self._parent.append(-1)
        self._place.append(place)
        self._has_children.append(0)
        return node

    def _link(self, parent: int, child: int) -> None:
        """Unless that would make a loop."""
        if parent == child:
            return
        if self._has_children[child]:
            above = parent
            links = self._parent
            while (above := links[above]) >= 0:
                if above == child:
                    return
                self._steps -= 1
            if self._steps < 0:
                raise TooTangled
        self._parent[child] = parent
        self._has_children[parent] = 1

    def pruned(self) -> Forest:
        """Steps 2 and 3: without dummies, but for those at the top that hold several messages together."""
        count, links, place = len(self._nodes), self._parent, self._place
        children: dict[int, list[int]] = {}
        roots: list[int] = []
        for message, node in enumerate(self._nodes):
            above = links[node]
            if above < 0:
                roots.append(message)
                continue
            if place[above] < 0:
                above = self._above_dummies(above)
            key = place[above] if place[above] >= 0 else count + above
            if key in children:
                children[key].append(message)
            else:
                children[key] = [message]
        for key in [key for key in children if key >= count]:
            if len(children[key]) > 1:
                roots.append(key)
            else:
                roots += children.pop(key)
        return Forest(roots, children)

    def _above_dummies(self, node: int) -> int:
        """The next message above a dummy, or the topmost dummy.  Shortens the way for those who come after."""
        links, place = self._parent, self._place
        top = node
        while place[top] < 0 and links[top] >= 0:
            top = links[top]
        while node != top:
            above = links[node]
            links[node] = top
            node = above
        return top


def references(messages: Messages, forest: Forest) -> Forest:
    """Steps 4 to 6 of REFERENCES."""
    _sort_children(messages, forest)
    _sort_roots(messages, forest)
    _gather_subjects(messages, forest)
    _sort_children(messages, forest)
    _sort_roots(messages, forest)
    return forest


def refs(messages: Messages, forest: Forest) -> Forest:
    """REFS: no subjects; the thread that got the newest message comes last."""
    _sort_children(messages, forest)
    arrivals, count = messages.arrivals, len(messages.dates)
    newest: dict[int, tuple[int, int]] = {}
    for root in forest.roots:
        latest = (-1, -1)
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node < count:
                latest = max(latest, (arrivals[node], node))
            waiting += forest.children.get(node, ())
        newest[root] = latest
    forest.roots.sort(key=newest.__getitem__)
    return forest


def _sort_children(messages: Messages, forest: Forest) -> None:
    """Siblings by sent date, then by their place in the mailbox (RFC 5256 §2.2)."""
    dates = messages.dates
    for siblings in forest.children.values():
        if len(siblings) > 1:
            siblings.sort()
            siblings.sort(key=dates.__getitem__)


def _sort_roots(messages: Messages, forest: Forest) -> None:
    """By sent date; a dummy by its first child's."""
    dates, count = messages.dates, len(messages.dates)

    def key(node: int) -> tuple[int, int]:
        first = node if node < count else forest.children[node][0]
        return dates[first], first

    forest.roots.sort(key=key)


def _gather_subjects(messages: Messages, forest: Forest) -> None:
    """Step 5: threads of the same base subject become one."""
    count, children, answers = len(messages.dates), forest.children, messages.answers
    subjects = messages.subjects

    def subject_of(node: int) -> int:
        return subjects[node if node < count else children[node][0]]

    table: dict[int, int] = {}
    for node in forest.roots:  # (B)
        subject = subject_of(node)
        if not subject:
            continue
        other = table.get(subject)
        if other is None or (other < count and (node >= count or (answers[other] and not answers[node]))):
            table[subject] = node
    next_dummy = max([count - 1, *children]) + 1
    roots = dict.fromkeys(forest.roots)
    for node in forest.roots:  # (C)
        subject = subject_of(node)
        if node not in roots or not subject or table[subject] == node:
            continue
        other = table[subject]
        del roots[node]
        if other >= count and node >= count:
            children[other] += children.pop(node)
        elif other >= count:
            children[other].append(node)
        elif answers[node] and not answers[other]:
            children.setdefault(other, []).append(node)
        else:
            del roots[other]
            children[next_dummy] = [other, node]
            table[subject] = next_dummy
            roots[next_dummy] = None
            next_dummy += 1
    forest.roots = list(roots)


def render(forest: Forest, count: int, number_of: Callable[[int], int]) -> Iterator[bytes]:
    """thread-list … in pieces; ``number_of`` gives what is told of a message (RFC 5256 §4)."""
    children = forest.children
    out: list[str] = []
    size = 0
    waiting: list[int] = forest.roots[::-1]
    while waiting:
        node = waiting.pop()
        if node < 0:
            out.append(")")
            continue
        line: list[str] = []
        while True:
            if node < count:
                line.append(str(number_of(node)))
            below = children.get(node, ())
            if len(below) != 1:
                break
            node = below[0]
        text = "(" + " ".join(line)
        if below:
            out.append(text + " " if line else text)
            waiting.append(-1)
            waiting += reversed(below)
        else:
            out.append(text + ")")
        size += len(text)
        if size > _PIECE:
            yield "".join(out).encode("ascii")
            out, size = [], 0
    yield "".join(out).encode("ascii")


def gather(
    rows: Iterable[tuple[int, bytes, str, int, int]], uids: list[int], messages: Messages, references: References | None
) -> None:
    """Rows of ``store.ordering.relations``: to UIDs, to the columns of messages, and their ids to ``references``."""
    for uid, octets, base_subject, date, arrival in rows:
        ancestry = read_ancestry(octets)
        if references is not None:
            references.add(ancestry)
        messages.add(base_subject, date, arrival, ancestry.is_answer)
        uids.append(uid)
