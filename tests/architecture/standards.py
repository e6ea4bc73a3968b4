"""docs/standards.md and the code it speaks of: which RFC is obeyed where, and what shows it.

``python -m tests.architecture.standards`` brings the table up to what the code cites.  Titles and statuses are kept; a
new RFC gets a ``?`` that a person replaces.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.sources import ROOT, modules, repository_files, source

TABLE = ROOT / "docs" / "standards.md"
STATUSES = ("yes", "partly", "differs", "refers")

# "RFC 9051 §6.4.8, §7.5.2", "RFC 5322 §3.2.3 and §3.4", "RFC 2046 §5.1.1, 5.1.2", "RFC 5321 §4.5.3.1.8–10"
_SECTION = r"(?:§§?|Appendix )\s?[A-Z]?\d*(?:\.\d+)*"
_CITATION = re.compile(rf"RFCs? (\d{{3,5}})((?:(?:\s|,|;|and|to|or|–|-)*{_SECTION})*)")
_ROW = re.compile(r"\| (\d+) \| (.*?) \| (.*?) \| (.*?) \| `(.*?)` \| (.*?) \|")

HEAD = """\
# Standards

What the code cites, where it obeys it, and the test that shows it. Texts of the RFCs are cited at the line that obeys
them; this is the way back. Status: `yes` obeyed where it is cited, `partly` only as far as the module's docstring
says, `differs` on purpose, with the reason at the line, `refers` only named, to explain.

THREAD=REFS is in no RFC: it follows `draft-ietf-morg-inthread-01` §4 as other servers read it, for the text was not at
hand. Nor were those of RFC 8460 and RFC 9990, which are followed as their last drafts have it
(`draft-ietf-uta-smtp-tlsrpt`, `draft-ietf-dmarc-aggregate-reporting-30`).

A test fails when the code cites an RFC that is not here, or when a row is not true any more.
`python -m tests.architecture.standards` brings the table up to the code.

| RFC | Title | Sections | Status | Module | Test |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    rfc: int
    title: str
    sections: tuple[str, ...]
    status: str
    module: str
    test: str

    def __str__(self) -> str:
        test = f"`{self.test}`" if self.test else "–"
        return (
            f"| {self.rfc} | {self.title} | {', '.join(self.sections) or '–'} | {self.status} "
            f"| `{self.module}` | {test} |"
        )


def citations(text: str) -> dict[int, set[str]]:
    """RFC → sections, as a text cites them."""
    unwrapped = re.sub(r"\s*\n\s*(?:#:?\s*)?", " ", text)
    found: dict[int, set[str]] = defaultdict(set)
    for citation in _CITATION.finditer(unwrapped):
        sections = re.findall(_SECTION, citation[2])
        found[int(citation[1])] |= {re.sub(r"§+\s?", "§", section).rstrip(".") for section in sections} - {"§"}
    return found


def cited() -> dict[tuple[int, str], set[str]]:
    """(RFC, module) → sections."""
    return {(rfc, path.as_posix()): sections for path in modules() for rfc, sections in citations(source(path)).items()}


def read_table() -> list[Row]:
    rows = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        found = _ROW.fullmatch(line)
        if found:
            sections = tuple(part for part in found[3].split(", ") if part != "–")
            test = "" if found[6] == "–" else found[6].strip("`")
            rows.append(Row(int(found[1]), found[2], sections, found[4], found[5], test))
    return rows


def write_table() -> None:
    known = read_table() if TABLE.exists() else []
    titles = {row.rfc: row.title for row in known}
    statuses = {(row.rfc, row.module): row.status for row in known}
    usual = {row.rfc: row.status for row in known}
    tests = {(row.rfc, row.module): row.test for row in known if (ROOT / row.test).is_file()}
    rows = [
        Row(
            rfc,
            titles.get(rfc, "?"),
            tuple(sorted(sections, key=_by_number)),
            statuses.get((rfc, module)) or usual.get(rfc, "?"),
            module,
            tests.get((rfc, module)) or _test_of(rfc, module),
        )
        for (rfc, module), sections in sorted(cited().items())
    ]
    TABLE.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def _by_number(section: str) -> tuple[bool, list[int], str]:
    return section.startswith("A"), [int(number) for number in re.findall(r"\d+", section)], section


def _test_of(rfc: int, module: str) -> str:
    """The module's own test; else one that imports it, or cites the same RFC: of its own package first."""
    path = Path(module)
    tests = [each for each in repository_files() if each.parts[0] == "tests" and each.match("test_*.py")]
    own = Path("tests") / path.with_name(f"test_{path.name}")
    if own in tests:
        return own.as_posix()
    dotted = ".".join(path.with_suffix("").parts)
    package, _, name = dotted.rpartition(".")
    imported = re.compile(rf"\b{re.escape(dotted)}\b|from {re.escape(package)} import [^\n]*\b{name}\b")

    def rank(test: Path) -> tuple[bool, bool, bool]:
        importing = bool(imported.search(source(test)))
        return importing or rfc in citations(source(test)), importing, test.parent == own.parent

    candidates = [test for test in tests if "architecture" not in test.parts]
    best = max(candidates, key=rank)
    return best.as_posix() if rank(best)[0] else ""


if __name__ == "__main__":
    write_table()
