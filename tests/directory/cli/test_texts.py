"""Every text stands in both languages, says the same things, and is used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter

import pytest

import directory.cli
import mailserver.cli
from directory.cli.context import show_size
from directory.cli.texts import TEXTS, environment_language, help_text, text
from directory.faults import _TEXTS as FAULTS
from directory.faults import Fault
from directory.sizes import parse_size, written_size

# `citymail ca` needs the configuration, and stands with the mail server's commands
OF_CA = [
    Path(mailserver.cli.__file__).parent / name
    for name in ("authority.py", "certificates.py", "ca_options.py", "keys.py", "escrow.py")
]
SOURCES = {
    path.name: path.read_text(encoding="utf-8") for path in [*Path(directory.cli.__file__).parent.glob("*.py"), *OF_CA]
}


def holes(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def lacking(texts: Mapping[str, tuple[str, str]]) -> list[str]:
    """What does not stand in both languages, or not with the same values in it."""
    return [
        key
        for key, (english, vietnamese) in texts.items()
        if not english.strip() or not vietnamese.strip() or holes(english) != holes(vietnamese)
    ]


def test_both_languages_are_there() -> None:
    assert lacking(TEXTS) == []


def test_a_text_that_is_missing_or_lacks_a_value_is_named() -> None:
    whole = {"unit.add": ("Adds {name}.", "Thêm {name}.")}
    assert lacking(whole) == []
    for broken in (("Adds {name}.", " "), ("", "Thêm {name}."), ("Adds {name}.", "Thêm.")):
        assert lacking({**whole, "unit.move": broken}) == ["unit.move"]


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_faults_say_the_same_in_both(code: str) -> None:
    kind, english, vietnamese = FAULTS[code]
    assert kind in ("unknown", "exists", "invalid", "in-use")
    assert holes(english) == holes(vietnamese)
    assert english != vietnamese
    fault = Fault(code, **dict.fromkeys(holes(english), "☃"))
    assert str(fault) == fault.text("en")
    assert fault.text("vi") == vietnamese.format(**dict.fromkeys(holes(english), "☃"))


def test_every_key_in_the_code_is_in_the_table() -> None:
    for name, source in SOURCES.items():
        for key in re.findall(r'(?:help_text|text|say|warn)\("([a-z-]+\.[a-z_-]+)"', source):
            assert key in TEXTS, f"{name}: {key}"
        for columns in re.findall(r"cli\.table\(\s*\(([^)]*)\)", source):
            for column in re.findall(r'"(\w+)"', columns):
                assert f"column.{column}" in TEXTS, f"{name}: {column}"
        for column in re.findall(r'^ {12}\("(\w+)", ', source, re.MULTILINE):
            assert f"column.{column}" in TEXTS, f"{name}: {column}"


def test_no_text_is_left_over() -> None:
    everything = "\n".join(source for name, source in SOURCES.items() if name != "texts.py")
    for key in TEXTS:
        group, _, word = key.partition(".")
        if group in (
            "column",
            "status",
            "state",
            "kind",
            "right",
            "posting",
            "link",
            "scope",
            "opened",
            "refusal",
            "holding",
        ):
            assert f'"{word}"' in everything or f"{group}." in everything, key
        elif word != "help":
            assert f'"{key}"' in everything, key


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "vi"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "CITYMAIL_LANG": "en"}, "en"),
        ({"CITYMAIL_LANG": "fr", "LANG": "vi"}, "vi"),
    ],
)
def test_the_language_is_asked_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert environment_language(environment) == language


def test_help_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYMAIL_LANG", "vi")
    assert help_text("unit.add") == text("unit.add", "vi") == "Thêm đơn vị."


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("0", 0),
        ("5G", 5 << 30),
        ("500m", 500 << 20),
        ("1.5 T".replace(" ", ""), 3 << 39),
        ("10GiB", 10 << 30),
        ("7", 7),
    ],
)
def test_sizes(given: str, size: int) -> None:
    assert parse_size(given) == size
    assert parse_size(show_size(size)) == size
    assert parse_size(written_size(size)) == size


@pytest.mark.parametrize("given", ["", "G", "-1", "5X", "nan", "inf", "1e30T", "5 5"])
def test_what_is_no_size(given: str) -> None:
    with pytest.raises(Fault):
        parse_size(given)
