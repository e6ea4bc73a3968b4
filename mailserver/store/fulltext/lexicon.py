"""Terms → the messages that have them, for the messages of one chunk, as a few strings of octets that are searched as
they lie.

``plain`` has every term on a line of its own, folded; ``exact`` has those that are not ASCII, as they are, in the same
order after the ASCII ones (whose two forms are one).  ``starts`` tells where in ``numbers`` the messages of each line
begin.

To look something up is to search a string of some hundred kilobytes, at gigabytes a second, for any part of a word.

Limits: 65,535 messages.  A message with more than ``MOST_TERMS`` different terms, or too long a text, is not listed
but named in ``unlisted``: its text must be looked into.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, filterfalse, pairwise, repeat

from directory.words.names import fold
from mailserver.message.fuzzy import Word

MOST_TERMS = 20_000
MOST_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Lexicon:
    plain: bytes
    exact: bytes
    first_exact: int  # the line of ``plain`` that ``exact`` begins with
    starts: array[int]
    numbers: array[int]
    unlisted: array[int]

    def find(self, form: bytes, marked: bool) -> set[int]:
        """The numbers of the messages that have a term with that in it."""
        lines, line = (self.exact, self.first_exact) if marked else (self.plain, 0)
        starts, numbers = self.starts, self.numbers
        found: set[int] = set()
        counted, place = 0, lines.find(form)
        while place >= 0:
            line += lines.count(b"\n", counted, place)
            found.update(numbers[starts[line] : starts[line + 1]])
            counted = lines.index(b"\n", place)
            place = lines.find(form, counted)
        return found

    def near(self, word: Word) -> dict[int, int]:
        """The numbers of the messages that have words like it, each with how close its closest comes."""
        plain, starts, numbers = self.plain, self.starts, self.numbers
        exact = self.exact.split(b"\n") if word.exact != word.plain else None
        having: defaultdict[int, list[int]] = defaultdict(list)
        counted = line = 0
        for start in sorted(_lines_like(plain, word)):
            line += plain.count(b"\n", counted, start)
            counted = start
            found = plain[start : plain.index(b"\n", start)]
            written = found if exact is None or line < self.first_exact else exact[line - self.first_exact]
            closeness = word.closeness(_text(written), _text(found))
            if closeness:
                having[closeness] += numbers[starts[line] : starts[line + 1]]
        closest: dict[int, int] = {}
        for closeness in sorted(having):
            closest.update(dict.fromkeys(having[closeness], closeness))
        return closest

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.exact) + 4 * len(self.starts) + 2 * len(self.numbers)


def _lines_like(lines: bytes, word: Word) -> set[int]:
    """Where lines begin that may be like a word, and few others."""
    sought = _octets(word.plain)
    starts = set(_beginning_with(lines, sought + b"\n"))
    if word.may_be_part:
        starts.update(lines.rfind(b"\n", 0, place) + 1 for place in _places(lines, sought, b"\n"))
    if word.may_slip:
        # One slip leaves what is before the middle as it was, or what is after it, unless it swaps the two there.
        middle = len(word.plain) // 2
        first, second = word.plain[:middle], word.plain[middle:]
        starts.update(_beginning_with(lines, _octets(first)))
        starts.update(lines.rfind(b"\n", 0, place) + 1 for place in _places(lines, _octets(second) + b"\n"))
        starts.update(_beginning_with(lines, _octets(f"{first[:-1]}{second[0]}{first[-1]}{second[1:]}\n")))
    return starts


def _beginning_with(lines: bytes, octets: bytes) -> Iterator[int]:
    if lines.startswith(octets):
        yield 0
    yield from (place + 1 for place in _places(lines, b"\n" + octets))


def _places(lines: bytes, octets: bytes, skip_to: bytes = b"") -> Iterator[int]:
    """Where octets stand; once before each of what is to be skipped to."""
    place = lines.find(octets)
    while place >= 0:
        yield place
        place = lines.find(octets, lines.index(skip_to, place) if skip_to else place + 1)


def _octets(text: str) -> bytes:
    """A lone surrogate comes of a broken charset: it is kept, so that every text can be written."""
    return text.encode("utf-8", "surrogatepass")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogatepass")


class Draft:
    """A lexicon in the making."""

    def __init__(self) -> None:
        self._listed: defaultdict[str, list[int]] = defaultdict(list)
        self._unlisted: list[int] = []

    def add(self, number: int, terms: Iterable[str], length: int) -> None:
        """The terms of the next message, of a text so long; numbers ascend."""
        different = set(terms)
        if len(different) > MOST_TERMS or length > MOST_CHARACTERS:
            self._unlisted.append(number)
            return
        # For each term listed[term].append(number), without a step of the interpreter for any.
        deque(map(list.append, map(self._listed.__getitem__, different), repeat(number)), maxlen=0)

    def finish(self) -> Lexicon | None:
        """None if there is nothing in it."""
        if not self._listed and not self._unlisted:
            return None
        ascii_lines = sorted(filter(str.isascii, self._listed))
        marked_lines = sorted(filterfalse(str.isascii, self._listed))
        numbers = [*map(self._listed.__getitem__, chain(ascii_lines, marked_lines))]
        return _written(
            ascii_lines,
            marked_lines,
            fold("\n".join(marked_lines)),
            accumulate(map(len, numbers), initial=0),
            array("H", chain.from_iterable(numbers)),
            self._unlisted,
        )


# For each line of a merged lexicon its numbers, a piece for each lexicon that has it.
_Pieces = defaultdict[str, list[bytes]]


def merge(lexicons: Sequence[tuple[int, Lexicon, Mapping[int, int] | None]]) -> Lexicon | None:
    """One of several.  Each comes with what is added to its numbers, or with the new number of each that stays."""
    ascii_lines: _Pieces = defaultdict(list)
    marked_lines: _Pieces = defaultdict(list)
    folded: dict[str, str] = {}
    unlisted: list[int] = []
    for offset, lexicon, kept in lexicons:
        # The last line of each is followed by nothing.
        plain = _text(lexicon.plain).split("\n")[:-1]
        exact = _text(lexicon.exact).split("\n")[:-1]
        if kept is None:
            ends = [_WIDTH * start for start in lexicon.starts]
            pieces = map(_moved(lexicon.numbers, offset).__getitem__, map(slice, ends, ends[1:]))
            unlisted += [number + offset for number in lexicon.unlisted]
        else:
            every = lexicon.numbers
            left = [_staying(every[start:end], kept).tobytes() for start, end in pairwise(lexicon.starts)]
            plain = [line for line, piece in zip(plain, left, strict=True) if piece]
            exact = [line for line, piece in zip(exact, left[lexicon.first_exact :], strict=True) if piece]
            pieces = map(bytes, filter(None, left))
            unlisted += _staying(lexicon.unlisted, kept)
        first = len(plain) - len(exact)
        # Without a step of the interpreter for any line.
        deque(map(list.append, map(ascii_lines.__getitem__, plain[:first]), pieces), maxlen=0)
        deque(map(list.append, map(marked_lines.__getitem__, exact), pieces), maxlen=0)
        folded.update(zip(exact, plain[first:], strict=True))
    if not ascii_lines and not marked_lines and not unlisted:
        return None
    first_lines, last_lines = sorted(ascii_lines), sorted(marked_lines)
    numbers = [
        *map(b"".join, map(ascii_lines.__getitem__, first_lines)),
        *map(b"".join, map(marked_lines.__getitem__, last_lines)),
    ]
    return _written(
        first_lines,
        last_lines,
        "\n".join(map(folded.__getitem__, last_lines)),
        [octets // _WIDTH for octets in accumulate(map(len, numbers), initial=0)],
        array("H", b"".join(numbers)),
        unlisted,
    )


_WIDTH = array("H").itemsize


def _moved(numbers: array[int], offset: int) -> bytes:
    """Each a so much larger number.  They are added to as the digits of one, which carry nothing: all stay small."""
    octets = numbers.tobytes()
    ones = int.from_bytes(array("H", (1,)).tobytes() * len(numbers), sys.byteorder)
    return (int.from_bytes(octets, sys.byteorder) + offset * ones).to_bytes(len(octets), sys.byteorder)


def _staying(numbers: array[int], kept: Mapping[int, int]) -> array[int]:
    return array("H", [kept[number] for number in numbers if number in kept])


def _written(
    ascii_lines: Sequence[str],
    marked_lines: Sequence[str],
    folded: str,
    starts: Iterable[int],
    numbers: array[int],
    unlisted: list[int],
) -> Lexicon:
    return Lexicon(
        _octets("\n".join([*ascii_lines, *([folded] if marked_lines else ()), ""])),
        _octets("\n".join([*marked_lines, ""])),
        len(ascii_lines),
        array("I", starts),
        numbers,
        array("H", unlisted),
    )
