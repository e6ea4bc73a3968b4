"""The threading algorithms against RFC 5256's words, carried out step by step in the plainest way."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.imap import thread_trees
from mailserver.imap.thread_trees import Messages, References, TooTangled, render
from mailserver.message.ancestry import Ancestry

IDS = st.integers(1, 9)
MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 9),  # its own id, 0 for none
        st.lists(IDS, max_size=5),
        st.booleans(),  # answers
        st.sampled_from(["", "A", "B", "C"]),
        st.integers(0, 4),  # sent
        st.integers(0, 4),  # arrived
    ),
    max_size=14,
)


def threaded(rows, algorithm):
    """THREAD's answer for (own, references, answers, subject, sent, arrival) in mailbox order."""
    messages, links = Messages(), References()
    for own, references, answers, subject, sent, arrival in rows:
        links.add(Ancestry(own, tuple(references), answers))
        messages.add(subject, sent, arrival, answers)
    if algorithm == "ORDEREDSUBJECT":
        forest = thread_trees.ordered_subject(messages)
    else:
        arrange = thread_trees.references if algorithm == "REFERENCES" else thread_trees.refs
        forest = arrange(messages, links.pruned())
    return b"".join(render(forest, len(rows), lambda place: place + 1)).decode()


# The oracle


class Node:
    def __init__(self, row=None, number=0):
        self.row, self.number = row, number
        self.parent, self.children = None, []

    def is_dummy(self):
        return self.row is None

    def is_below(self, other):
        node = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False

    def become_child_of(self, parent):
        self.leave()
        self.parent = parent
        parent.children.append(self)

    def leave(self):
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None

    def date(self):
        return self.row[4], self.number

    def top_date(self):
        return self.children[0].date() if self.is_dummy() else self.date()

    def subject(self):
        return (self.children[0] if self.is_dummy() else self).row[3]

    def answers(self):
        return not self.is_dummy() and self.row[2]


def plainly(rows, subjects=True):
    table, everything = {}, []
    for number, row in enumerate(rows, 1):
        own = row[0]
        previous = None
        for reference in row[1]:
            node = table.get(reference)
            if node is None:
                node = table[reference] = Node()
                everything.append(node)
            if previous is not None and node.parent is None and not previous.is_below(node):
                node.become_child_of(previous)
            previous = node
        node = table.get(own) if own else None
        if node is not None and node.is_dummy():
            node.row, node.number = row, number
        else:
            fresh = Node(row, number)
            everything.append(fresh)
            if own and node is None:
                table[own] = fresh
            node = fresh
        node.leave()
        if previous is not None and not previous.is_below(node):
            node.become_child_of(previous)
    root = Node()
    for node in everything:
        if node.parent is None:
            node.become_child_of(root)
    prune(root, at_root=True)
    for node in root.children:
        node.children.sort(key=Node.date)
    if subjects:
        root.children.sort(key=Node.top_date)
        gather(root)
        sort_below(root)
        root.children.sort(key=Node.top_date)
    else:
        sort_below(root)
        root.children.sort(key=lambda node: max((each.row[5], each.number) for each in family(node)))
    return "".join(map(told, root.children))


def family(node):
    own = [] if node.is_dummy() else [node]
    return own + [each for child in node.children for each in family(child)]


def prune(node, at_root=False):
    for child in list(node.children):
        prune(child)
        if not child.is_dummy():
            continue
        if not child.children:
            child.leave()
        elif not at_root or len(child.children) == 1:
            place = node.children.index(child)
            for grandchild in child.children:
                grandchild.parent = node
            node.children[place : place + 1] = child.children


def gather(root):
    table = {}
    for node in root.children:
        subject = node.subject()
        if subject == "":
            continue
        other = table.get(subject)
        if other is None or (not other.is_dummy() and (node.is_dummy() or (other.answers() and not node.answers()))):
            table[subject] = node
    for node in list(root.children):
        if node.parent is not root or node.subject() == "" or table[node.subject()] is node:
            continue
        other = table[node.subject()]
        if other.is_dummy() and node.is_dummy():
            for child in list(node.children):
                child.become_child_of(other)
            node.leave()
        elif other.is_dummy() or (node.answers() and not other.answers()):
            node.become_child_of(other)
        else:
            table[node.subject()] = dummy = Node()
            dummy.become_child_of(root)
            other.become_child_of(dummy)
            node.become_child_of(dummy)


def sort_below(node):
    for child in node.children:
        sort_below(child)
        child.children.sort(key=Node.date)


def told(node):
    return f"({members(node)})"


def members(node):
    text = "" if node.is_dummy() else str(node.number)
    if len(node.children) == 1:
        return f"{text} {members(node.children[0])}"
    return text + (" " if text and node.children else "") + "".join(map(told, node.children))


def by_subject(rows):
    threads = {}
    for number, row in enumerate(rows, 1):
        threads.setdefault(row[3], []).append((row[4], number))
    text = ""
    for members in sorted(sorted(each) for each in threads.values()):
        first, *others = [str(number) for _, number in members]
        rest = (
            f" {others[0]}" if len(others) == 1 else (" " + "".join(f"({each})" for each in others)) if others else ""
        )
        text += f"({first}{rest})"
    return text


# Comparing


@settings(max_examples=300, deadline=None)
@given(MESSAGES)
@example([(1, [2], False, "A", 0, 0), (2, [1], False, "A", 0, 0)])  # each is the other's parent
@example([(1, [1, 1], True, "A", 0, 0)])  # its own parent
@example([(1, [3, 4, 3], False, "", 0, 0), (1, [4, 3], False, "", 0, 0)])
@example([(1, [9], False, "A", 3, 0), (2, [9], True, "A", 1, 0), (3, [], False, "A", 2, 0), (4, [8], True, "A", 0, 0)])
def test_trees_are_those_of_the_plain_steps(rows):
    assert threaded(rows, "REFERENCES") == plainly(rows)
    assert threaded(rows, "REFS") == plainly(rows, subjects=False)
    assert threaded(rows, "ORDEREDSUBJECT") == by_subject(rows)
    for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT"):
        numbers = re.findall(r"\d+", threaded(rows, algorithm))
        assert sorted(map(int, numbers)) == list(range(1, len(rows) + 1)), "each message once"


def message(own=0, references=(), subject="", answers=False, sent=0, arrival=0):
    return own, list(references), answers, subject, sent, arrival


@pytest.mark.parametrize(
    "rows, tree",
    [
        ([], ""),
        ([message(1), message(2, [1]), message(3, [1, 2])], "(1 2 3)"),
        ([message(1), message(2, [1], sent=2), message(3, [1], sent=1)], "(1 (3)(2))"),
        # Two answers to what is not there stay together; one alone stands for itself.
        ([message(2, [1]), message(3, [1])], "((1)(2))"),
        ([message(3, [1, 2])], "(1)"),
        # A missing message between two others is passed over.
        ([message(1), message(3, [1, 2])], "(1 2)"),
        # Twice the same id: the second one is a message of its own.
        ([message(1), message(1), message(2, [1])], "(1 3)(2)"),
        # Subjects: answers go below, equals below a dummy.
        ([message(1, subject="A"), message(2, subject="A", answers=True)], "(1 2)"),
        ([message(1, subject="A", answers=True), message(2, subject="A")], "(2 1)"),
        ([message(1, subject="A"), message(2, subject="A")], "((1)(2))"),
        ([message(1, subject=""), message(2, subject="")], "(1)(2)"),
        ([message(2, [1], "A"), message(3, [1], "A"), message(4, subject="A")], "((1)(2)(3))"),
    ],
)
def test_examples(rows, tree):
    assert threaded(rows, "REFERENCES") == tree


def test_a_thread_as_deep_as_the_mailbox():
    depth = 30_000
    downwards = [message(number, [number - 1] if number > 1 else []) for number in range(1, depth + 1)]
    assert threaded(downwards, "REFERENCES") == "(" + " ".join(map(str, range(1, depth + 1))) + ")"
    upwards = downwards[::-1]
    assert threaded(upwards, "REFS") == "(" + " ".join(map(str, range(depth, 0, -1))) + ")"


def test_a_hundred_references_each():
    rows = [message(number, range(max(1, number - 100), number)) for number in range(1, 301)]
    assert threaded(rows, "REFERENCES") == "(" + " ".join(map(str, range(1, 301))) + ")"


def test_chains_tangled_on_purpose_are_given_up(monkeypatch):
    """Linking chain below chain makes each look for loops longer: it is counted."""
    monkeypatch.setattr(thread_trees, "MAX_STEPS", 10_000)
    rows = []
    bottom = 0
    for number in range(1, 2000, 2):
        rows.append(message(number + 1, [number]))
        if bottom:
            rows.append(message(0, [bottom, number]))
        bottom = number + 1
    with pytest.raises(TooTangled):
        threaded(rows, "REFS")


def test_ids_without_number_are_given_up(monkeypatch):
    monkeypatch.setattr(thread_trees, "MAX_DUMMIES", 50)
    with pytest.raises(TooTangled):
        threaded([message(0, range(number * 10 + 1, number * 10 + 9)) for number in range(20)], "REFS")
