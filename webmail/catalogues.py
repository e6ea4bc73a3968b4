"""Keeping the two catalogues: ``python -m webmail.catalogues`` after a text was added or changed.

It collects every text from modules and templates, brings both ``messages.po`` up to date (new texts are left empty, so
that the tests name them), fills English from the source, and compiles both.  The tests do the same and compare.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
LANGUAGES = ("vi", "en")
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trimmed": "true"}}
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_KEYWORDS = {"_": None, "ngettext": (1, 2)}


def collect() -> Catalog:
    """Every text of the webmail."""
    template = Catalog(project="CityMail")
    found = extract_from_dir(HERE, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS)
    for _file, _line, message, _comments, context in found:
        template.add(message, None, context=context)
    return template


def path_of(language: str, ending: str = "po") -> Path:
    return HERE / "translations" / language / "LC_MESSAGES" / f"messages.{ending}"


def load(language: str) -> Catalog:
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The catalogue as it must be for the texts that there are now."""
    old = load(language)
    made = Catalog(locale=language, project="CityMail", fuzzy=False)
    for message in collect():
        if not message.id:
            continue
        known = old.get(message.id[0] if isinstance(message.id, tuple) else message.id)
        text: Any = known.string if known is not None else ""
        if language == "en":
            text = message.id
        if isinstance(message.id, tuple) and not isinstance(text, tuple):
            text = (text,) + ("",) * (made.num_plurals - 1)
        made.add(message.id, text)
    return made


def written(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalogue, omit_header=False, sort_output=True, width=100)
    lines = out.getvalue().decode().split("\n")
    # The header's dates and tool versions would differ at every run.
    kept = ("Content-", "Language:", "MIME-", "Plural-", "Project-")
    head, _, rest = "\n".join(lines).partition("\n\n")
    head = "\n".join(line for line in head.split("\n") if not line.startswith('"') or line[1:].startswith(kept))
    head = "\n".join(line for line in head.split("\n") if not line.startswith("#"))
    return f"{head}\n\n{rest}".encode()


def compiled(catalogue: Catalog) -> bytes:
    catalogue.creation_date = catalogue.revision_date = _SOME_DAY  # else each run would make another file
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def main() -> None:
    for language in LANGUAGES:
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        path_of(language).write_bytes(written(updated(language)))
        path_of(language, "mo").write_bytes(compiled(load(language)))


if __name__ == "__main__":
    main()
