"""What a module may be: how long, what it is called, where it may ask for the time."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.sources import ROOT, dotted_name, modules, repository_files, source, tree

LONGEST = 500
# Modules that stay in one piece, with the length they may have and the reason.
LONGER: dict[str, tuple[int, str]] = {}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}

# Calls that ask the machine for the time of day. Below wiring the time is an argument (`clock`).
CLOCK_CALLS = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "email.utils.localtime",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "time.asctime",
}
# Where the pieces are put together, and what a person starts himself.
MAY_ASK = (
    "mailserver/wiring.py",
    "mailserver/processes.py",
    "mailserver/installation.py",
    "mailserver/demo/",
    "mailserver/store/wakeups.py",  # compares with the file system's own times
    "mailserver/imap/services.py",  # asks for the zone, not for the time
)


def test_modules_are_short() -> None:
    too_long = {}
    for path in modules():
        lines = source(path).count("\n")
        allowed, _ = LONGER.get(path.as_posix(), (LONGEST, ""))
        if lines > allowed:
            too_long[path.as_posix()] = lines
    assert not too_long, "split these by topic"


def test_no_allowance_is_left_over() -> None:
    for name, (allowed, reason) in LONGER.items():
        assert (ROOT / name).exists(), name
        assert LONGEST < source(Path(name)).count("\n") <= allowed, f"{name} needs no allowance, or another"
        assert reason


def test_a_module_says_by_its_name_and_docstring_what_it_is_for() -> None:
    vague = [path.as_posix() for path in modules() if {path.stem, *path.parts} & FORBIDDEN_NAMES]
    assert vague == []
    silent = [path.as_posix() for path in modules() if source(path).strip() and not ast.get_docstring(tree(path))]
    assert silent == []


def may_ask_for_the_time(path: Path) -> bool:
    return path.as_posix().startswith(MAY_ASK) or path.name.startswith("cli") or "cli" in path.parts


def test_time_is_an_argument() -> None:
    calls = [
        f"{path}:{node.lineno}: {dotted_name(node.func)}"
        for path in modules()
        if not may_ask_for_the_time(path)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and dotted_name(node.func) in CLOCK_CALLS
        # gmtime(t) and localtime(t) only convert; without an argument they ask.
        and not (dotted_name(node.func) in ("time.gmtime", "time.localtime", "email.utils.localtime") and node.args)
    ]
    assert calls == []


def test_nothing_is_put_off() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [f"{path}: {mark[0]}" for path in modules() for mark in marks.finditer(source(path))]
    assert found == []


def test_tests_have_no_package_files() -> None:
    """With an ``__init__.py`` the folder tests/mailserver would shadow the package of that name."""
    assert [path for path in repository_files() if path.parts[0] == "tests" and path.name == "__init__.py"] == []


# Tests that cannot run everywhere, with the reason.
MAY_SKIP = {
    "tests/interop/test_order_against_dovecot.py": "compares with a server that is not needed for anything else",
    "tests/directory/test_database.py": "says of PostgreSQL what has no meaning for SQLite",
    "tests/interop/postfix.py": "starts Postfix, as root; elsewhere far servers of our own stand in for it",
    "tests/mailserver/store/test_full_disk.py": "mounts a small disk, as root; another test stands in for it",
}


def test_no_test_is_skipped() -> None:
    """A test that does not run looks like one that passes."""
    found = set()
    for path in repository_files():
        if path.parts[0] != "tests" or path.suffix != ".py":
            continue
        for node in ast.walk(tree(path)):
            name = dotted_name(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            if name in ("pytest.skip", "pytest.xfail", "pytest.importorskip") or name.startswith(
                ("pytest.mark.skip", "pytest.mark.xfail", "unittest.skip")
            ):
                found.add(path.as_posix())
    assert found == set(MAY_SKIP)
