"""An account's file alone: it finds what a scan of the same texts finds, whatever was added, merged and forgotten."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from directory.sqlite_driver import connect
from directory.words.names import fold
from mailserver.message.fuzzy import fuzzy
from mailserver.message.matching import exact_form, needle
from mailserver.message.terms import key_pairs, words, words_and_pairs
from mailserver.store.fulltext import index_file, lexicon
from mailserver.store.fulltext.index_file import ATTACHED, FIELDS, MESSAGE, IndexFile, draw_up

LETTERS = "aadđờơòênN .,,-@\u0301\u0301\u0323\U0001d167😀\u0bd7日本ﬁß_1"
TEXTS = st.one_of(
    st.text(LETTERS, max_size=14),
    st.lists(
        st.sampled_from(["ngân", "sách", "ngan", "sach", "họp", "a", "đ", "日本", "x@y.vn", "--"]), max_size=6
    ).map(" ".join),
    st.text(max_size=6),
).map(exact_form)
DOCUMENTS = st.lists(
    st.lists(st.lists(TEXTS.filter(bool), max_size=2), min_size=len(FIELDS), max_size=len(FIELDS)), max_size=24
)
KEYS = st.one_of(st.text(LETTERS, min_size=1, max_size=5), TEXTS, st.text(min_size=1, max_size=2))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexFile]:
    made = IndexFile(tmp_path / "index.db", "an", patience=5)
    yield made
    made.close()


def add(index: IndexFile, documents: Iterable[tuple[int, int, list[list[str]]]], waiting: Sequence[int] = ()) -> None:
    chunk = draw_up(documents)
    with index.writing():
        index.add(chunk, waiting)
    index.merge_chunks()


def scan(documents: dict[int, list[list[str]]], field: str, word: str) -> set[int]:
    place = FIELDS.index(field)
    return {number for number, texts in documents.items() if any(map(needle(word).in_exact, texts[place]))}


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, st.lists(KEYS, min_size=4, max_size=12), st.integers(1, 5), st.sets(st.integers(1, 24)))
def test_index_is_scan(documents: list[list[list[str]]], keys: list[str], together: int, forgotten: set[int]) -> None:
    folder = TemporaryDirectory()
    index = IndexFile(Path(folder.name) / "index.db", "an", patience=5)
    kept = dict(enumerate(documents, 1))
    for start in range(0, len(documents), together):
        numbers = [*kept][start : start + together]
        add(index, [(number, MESSAGE, kept[number]) for number in numbers])
    for _ in range(2):
        for field in FIELDS:
            for word in filter(lambda each: needle(each).form, keys):
                assert index.find(field, needle(word)) == scan(kept, field, word), (field, word)
        assert index.problems() == []
        with index.writing():
            index.forget(forgotten & kept.keys())
        kept = {number: texts for number, texts in kept.items() if number not in forgotten}
    assert index.message_ids() == kept.keys()
    index.close()
    folder.cleanup()


# Words that differ by one slip, or nearly.
NEAR = st.lists(
    st.one_of(st.text("abcdeđéè", min_size=1, max_size=8), st.sampled_from(["nguyễn", "nguyen", "nguyn", "ngyuen"])),
    max_size=5,
).map(lambda each: exact_form(" ".join(each)))
PLACES = [(100, "subject"), (75, "header"), (50, "body")]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(NEAR, min_size=len(FIELDS), max_size=len(FIELDS)), max_size=9), st.lists(NEAR, min_size=6))
@example([["a nguyn", "", "", "", "", "nguyễn", ""]], ["nguyen", "nguyễn", "ngyuen a", "nguye", "gun"])
def test_scores_of_index_and_scan_are_the_same(documents: list[list[str]], keys: list[str]) -> None:
    folder = TemporaryDirectory()
    index = IndexFile(Path(folder.name) / "index.db", "an", patience=5)
    kept = {number: [[each] if each else [] for each in texts] for number, texts in enumerate(documents, 1)}
    add(index, [(number, MESSAGE, texts) for number, texts in kept.items()])
    for key in keys:
        for places in (PLACES, [(100, "from")]):
            scores = {
                number: fuzzy(key).score_in_exact([(percent, texts[FIELDS.index(name)]) for percent, name in places])
                for number, texts in kept.items()
            }
            assert index.scores(places, fuzzy(key)) == {number: each for number, each in scores.items() if each}
    index.close()
    folder.cleanup()


def test_words_of_a_message_and_its_files_are_scored_together(index: IndexFile) -> None:
    many = " ".join(f"w{number}" for number in range(lexicon.MOST_TERMS + 1))
    add(index, [(1, MESSAGE, document("thư ngỏ")), (2, MESSAGE, document(many))], waiting=[1])
    add(index, [(1, ATTACHED, document("bảng lương"))])
    assert index.scores([(50, "body")], fuzzy("bang thu")) == {1: 50}
    assert index.scores([(50, "body")], fuzzy("w77 w78")) == {2: 50}
    assert index.scores([(50, "body")], fuzzy("bang w78")) == {}


@given(TEXTS, st.data())
def test_every_substring_lies_in_the_terms(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    whole, pairs = words_and_pairs(text)
    wanted = key_pairs(part)
    if wanted:
        assert all(any(each in pair for pair in pairs) for each in wanted)
    elif part:
        assert any(part in word for word in whole)


def test_folding_moves_no_limits_of_words() -> None:
    # Hàn and Hán letters and what lies beyond are alike.
    for number in chain(range(0x4E80), range(0x9F80, 0xAC80), range(0xE000, 0x20100), range(0xE0000, 0xE0200)):
        exact = exact_form(f"a,{chr(number)},b {chr(number)}c")
        if not exact.isascii():
            folded = [fold(word) for word in words(exact)]
            assert folded == words(fold(exact)), hex(number)
            assert all(folded)


def test_chunks_are_merged_and_stay_few(index: IndexFile) -> None:
    for number in range(1, 200):
        add(index, [(number, MESSAGE, document(f"văn bản số {number} ngày {number % 7}"))])
    assert index.figures()["chunks"] < 22
    assert index.find("body", needle("số 17")) == {17, *range(170, 180)}
    assert index.find("body", needle("ngay 3")) == {number for number in range(1, 200) if number % 7 == 3}
    assert index.problems() == []


@given(st.lists(st.sets(st.text("abđé", min_size=1, max_size=2), max_size=4), min_size=1, max_size=30), st.data())
def test_a_merged_lexicon_is_as_if_drawn_up_at_once(documents: list[set[str]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(documents)))
    before = data.draw(st.sampled_from([0, 250, 60_000]))  # numbers of several octets

    def drawn_up(numbered: dict[int, set[str]]) -> lexicon.Lexicon | None:
        draft = lexicon.Draft()
        for number, terms in numbered.items():
            draft.add(number, terms, 10)
        return draft.finish()

    several = [(before, drawn_up(dict(enumerate(documents[:cut]))), None)]
    several.append((before + cut, drawn_up(dict(enumerate(documents[cut:]))), None))
    assert lexicon.merge([(each, of, kept) for each, of, kept in several if of is not None]) == drawn_up(
        dict(enumerate(documents, before))
    )
    whole = drawn_up(dict(enumerate(documents)))
    staying = {number: place for place, number in enumerate(range(cut, len(documents)))}
    left = drawn_up(dict(enumerate(documents[cut:])))
    assert whole is None or lexicon.merge([(0, whole, staying)]) == left


def document(body: str) -> list[list[str]]:
    return [[exact_form(body)] if field == "body" else [] for field in FIELDS]


def test_a_message_of_too_many_words_is_looked_into(index: IndexFile) -> None:
    many = " ".join(f"w{number}" for number in range(lexicon.MOST_TERMS + 1))
    add(index, [(1, MESSAGE, document(many)), (2, MESSAGE, document("w77 đây"))])
    assert index.find("body", needle("w77")) == {1, 2}
    assert index.find("body", needle("w77 w78")) == {1}
    assert index.find("body", needle("đây")) == {2}


def test_attached_files_are_found_with_their_message(index: IndexFile) -> None:
    add(index, [(1, MESSAGE, document("thư")), (2, MESSAGE, document("khác"))], waiting=[1, 2])
    assert index.waiting(5) == [2, 1]
    add(index, [(1, ATTACHED, document("bảng lương"))])
    with index.writing():
        index.skip_attached(1)
        index.skip_attached(2)
    assert index.waiting(5) == []
    assert index.find("body", needle("bảng lương")) == {1}
    with index.writing():
        index.forget({1})
    assert index.find("body", needle("luong")) == set()
    assert index.message_ids() == {2}


def test_a_round_that_fails_leaves_nothing(index: IndexFile) -> None:
    chunk = draw_up([(1, MESSAGE, document("một"))])
    with contextlib.suppress(KeyError), index.writing():
        index.add(chunk)
        raise KeyError
    assert index.find("body", needle("mot")) == set()
    assert index.message_ids() == set()
    add(index, [(1, MESSAGE, document("một"))])
    assert index.find("body", needle("mot")) == {1}


def test_what_changes_while_chunks_are_merged_is_not_lost(
    index: IndexFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 8):
        add(index, [(number, MESSAGE, document("thư"))])
    with index.writing():
        index.add(draw_up([(8, MESSAGE, document("thư"))]))

    def meanwhile(*lexicons: Any) -> Any:
        monkeypatch.setattr(index_file, "merge", lexicon.merge)
        other = IndexFile(tmp_path / "index.db", "an", patience=5)
        with other.writing():
            other.forget({8})
            other.add(draw_up([(9, MESSAGE, document("thư mới"))]))
        other.close()
        return lexicon.merge(*lexicons)

    monkeypatch.setattr(index_file, "merge", meanwhile)
    index.merge_chunks()
    assert index.figures()["chunks"] == 8
    assert index.find("body", needle("thu")) == {*range(1, 8), 9}
    index.merge_chunks()
    assert index.figures()["chunks"] == 1
    assert index.find("body", needle("thu")) == {*range(1, 8), 9}
    assert index.find("body", needle("mới")) == {9}
    assert index.problems() == []


def test_a_file_of_another_version_is_not_touched(tmp_path: Path) -> None:
    with connect(tmp_path / "index.db") as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(index_file.OtherVersion):
        IndexFile(tmp_path / "index.db", "an", patience=1)


def test_decomposed_marks_do_not_divide_words(index: IndexFile) -> None:
    text = unicodedata.normalize("NFD", "x\u0323\u0301yz ế")
    add(index, [(1, MESSAGE, document(text))])
    assert index.find("body", needle("xyz")) == {1}
    assert index.find("body", needle("yz e")) == {1}
