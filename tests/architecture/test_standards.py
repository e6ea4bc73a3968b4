"""docs/standards.md is true: every RFC that the code cites is in it, and every row leads somewhere."""

from __future__ import annotations

import pytest

from tests.architecture.sources import ROOT
from tests.architecture.standards import STATUSES, citations, cited, read_table


def test_every_rfc_that_is_cited_is_in_the_table() -> None:
    listed = {row.rfc for row in read_table()}
    missing = sorted({(rfc, module) for rfc, module in cited() if rfc not in listed})
    assert missing == [], "python -m tests.architecture.standards"


def test_every_row_is_true() -> None:
    now = cited()
    wrong = []
    for row in read_table():
        if (row.rfc, row.module) not in now:
            wrong.append(f"RFC {row.rfc}: {row.module} does not cite it any more")
        elif not set(row.sections) <= now[row.rfc, row.module]:
            wrong.append(f"RFC {row.rfc}: {row.module} does not cite {', '.join(row.sections)} any more")
        if row.test and not (ROOT / row.test).is_file():
            wrong.append(f"RFC {row.rfc}: there is no {row.test}")
        if row.status not in STATUSES:
            wrong.append(f"RFC {row.rfc}: {row.status!r} is not one of {', '.join(STATUSES)}")
        if row.status in ("yes", "partly") and not row.test:
            wrong.append(f"RFC {row.rfc}: nothing shows that {row.module} obeys it")
        if row.title in ("", "?"):
            wrong.append(f"RFC {row.rfc} has no title")
    assert wrong == [], "python -m tests.architecture.standards"


def test_one_rfc_has_one_title() -> None:
    titles: dict[int, set[str]] = {}
    for row in read_table():
        titles.setdefault(row.rfc, set()).add(row.title)
    assert {rfc: names for rfc, names in titles.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RFC 9051 §6.4.8, §7.5.2: what", {9051: {"§6.4.8", "§7.5.2"}}),
        ("Standards: RFC 5321\n# §4.1.1 and §4.2; RFC 2920", {5321: {"§4.1.1", "§4.2"}, 2920: set()}),
        ("(RFC 9051 Appendix A) and RFC822.SIZE", {9051: {"Appendix A"}}),
        ("RFC 2045 §6.7. Then", {2045: {"§6.7"}}),
        ("nothing of the kind, rfc 12", {}),
    ],
)
def test_citations_are_found(text: str, found: dict[int, set[str]]) -> None:
    assert citations(text) == found
