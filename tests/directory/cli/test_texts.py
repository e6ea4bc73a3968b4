"""Every text of the command line stands in both languages, says the same things, and is used; and nothing is said that
is not in the table.
"""

from __future__ import annotations

import ast
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

ROOMS = (Path(directory.cli.__file__).parent, Path(mailserver.cli.__file__).parent)
SOURCES = {f"{room.parent.name}/{path.name}": path.read_text("utf-8") for room in ROOMS for path in room.glob("*.py")}
# Values alone, and names.
SAME = {"ca.founded", "ca.imported", "column.selector", "scope.imap", "scope.ldap", "scope.smtp"}


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
    assert {key for key, (english, vietnamese) in TEXTS.items() if english == vietnamese} == SAME


def test_no_text_of_one_topic_hides_anothers() -> None:
    """All of them are in one table."""
    topics = [path.read_text("utf-8") for room in ROOMS for path in (room / "phrases").glob("*.py")]
    assert sum(len(re.findall(r'^ {4}"[a-z.0-9_-]+": \(', topic, re.MULTILINE)) for topic in topics) == len(TEXTS)


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
        for key in re.findall(r'(?:help_text|text|say|warn)\(\s*["\']([a-z-]+\.[a-z_-]+)["\']', source):
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
            "authority",
            "crl",
            "delivery",
            "fate",
        ):
            assert f'"{word}"' in everything or f"{group}." in everything, key
        elif word != "help":
            assert f'"{key}"' in everything or f"'{key}'" in everything, key


# What tells people something, and how much of it may be written where it is told.
TELLS = {"echo", "UsageError", "BadParameter", "ClickException", "prompt", "confirm", "tell", "end"}
IN_EVERY_LANGUAGE = {"citymail", "From"}  # and names in capitals


def written_there(source: str) -> list[str]:
    """Words that stand in the code itself where people are told something, or as the help of a command or option."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        told = [each.value for each in node.keywords if each.arg == "help"] + (node.args[:1] if name in TELLS else [])
        for each in told:
            parts = each.values if isinstance(each, ast.JoinedStr) else [each]
            letters = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            found += [word for part in letters for word in re.findall(r"[^\W\d_]{2,}", part)]
    return [word for word in found if word not in IN_EVERY_LANGUAGE and not word.isupper()]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_nothing_is_said_past_the_table(name: str) -> None:
    assert written_there(SOURCES[name]) == []


def test_what_is_said_past_the_table_is_found() -> None:
    for code in (
        'click.echo(f"{count} messages")',
        'raise click.UsageError("either this or that")',
        'click.option("--all", help="All of them.")',
    ):
        assert written_there(code), code
    assert written_there('click.echo(f"citymail: {say(key)}", err=True)') == []


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
