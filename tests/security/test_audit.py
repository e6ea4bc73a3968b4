"""The chain breaks where it was tampered with."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from security.audit import GENESIS, AuditEntry, append, verify


def chain_of(texts: list[str]) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number, text in enumerate(texts):
        last = entries[-1] if entries else None
        entries.append(
            append(last, at=1000 + number, actor=text, action="test", subject=text[::-1], details={"text": text})
        )
    return entries


TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=8)


@given(TEXTS)
def test_an_untouched_chain_is_whole(texts: list[str]) -> None:
    entries = chain_of(texts)
    assert verify(entries) is None
    assert entries[0].previous == GENESIS
    assert [json.loads(entry.details)["text"] for entry in entries] == texts
    # in two halves too
    half = len(entries) // 2
    assert verify(entries[:half]) is None
    assert verify(entries[half:], after=entries[half - 1] if half else None) is None


@given(TEXTS, st.data())
def test_any_change_of_any_field_is_found(texts: list[str], data: st.DataObject) -> None:
    entries = chain_of(texts)
    index = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from(["at", "actor", "action", "subject", "details", "previous", "digest"]))
    old = getattr(entries[index], name)
    new = data.draw(st.integers() if name == "at" else st.text(max_size=20))
    if new == old:
        return
    entries[index] = replace(entries[index], **{name: new})
    found = verify(entries)
    assert found is not None
    assert found.number in (index + 1, index + 2)


@given(TEXTS, st.data())
def test_a_missing_or_moved_entry_is_found(texts: list[str], data: st.DataObject) -> None:
    entries = chain_of(["first", *texts, "last"])
    index = data.draw(st.integers(0, len(entries) - 2))
    assert verify(entries[:index] + entries[index + 1 :]) is not None
    swapped = entries.copy()
    swapped[index], swapped[index + 1] = swapped[index + 1], swapped[index]
    assert verify(swapped) is not None
    doubled = [*entries[: index + 1], entries[index], *entries[index + 1 :]]
    assert verify(doubled) is not None


def test_text_cannot_slide_from_one_field_into_the_next() -> None:
    one = append(None, at=1, actor="ab", action="c", subject="", details={})
    other = append(None, at=1, actor="a", action="bc", subject="", details={})
    assert one.digest != other.digest
