"""What may be in the repository: no path of anybody's machine, no address to download from, the promised commands."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.architecture.sources import ROOT, repository_files

HERE = Path(__file__).relative_to(ROOT)
# The licence's own text names its authors' site, and the published vectors for SPF name theirs in explanations.
EXEMPT = {"LICENSE", "rfc7208-tests.yml"}
# Names that exist in no network (RFC 2606, RFC 6761; example.vn as their like), loopback, networks for documentation
# (RFC 5737, RFC 3849), and the XML names that formats are recognised by, which nobody fetches.
NOWHERE = re.compile(
    r"""(?ix) (?: .* \.)? (?: example | test | invalid | localhost | example\.(?:com|net|org|vn) )
    | 127\. .* | ::1 | 192\.0\.2\.\d+ | 198\.51\.100\.\d+ | 203\.0\.113\.\d+ | 2001:db8:.* | 10\. .* | 169\.254\. .*
    | www\.w3\.org | schemas\.openxmlformats\.org | .* \{ .*"""
)
ADDRESS = re.compile(r"""\b(?:https?|ftp|git|ssh)://[^\s"'<>)\]`,;]*""")
MACHINE_PATH = re.compile(r"(?<![\w.{}-])/(?:work|root|Users)/\w|(?<![\w.{}-])/home/(?!citymail|dovecot)\w")
TEXT_FILES = [
    path for path in repository_files() if path.name not in EXEMPT and b"\0" not in (ROOT / path).read_bytes()[:8000]
]


def test_no_path_of_one_machine() -> None:
    found = [
        f"{path}: {found[0]}" for path in TEXT_FILES for found in MACHINE_PATH.finditer(text_of(path)) if path != HERE
    ]
    assert found == []


def test_no_address_to_download_from() -> None:
    found = [f"{path}: {address}" for path in TEXT_FILES for address in addresses_of_the_internet(text_of(path))]
    assert found == []


def text_of(path: Path) -> str:
    return (ROOT / path).read_bytes().decode("utf-8", "replace")


def addresses_of_the_internet(text: str) -> list[str]:
    addresses = []
    for found in ADDRESS.finditer(text):
        try:
            host = urlsplit(found[0]).hostname or ""
        except ValueError:  # what a test feeds to a parser
            continue
        # A name without a dot is no name of the internet.
        if "." in host.strip(".") and not NOWHERE.fullmatch(host):
            addresses.append(found[0])
    return addresses


@pytest.mark.parametrize(
    "text", ["see https" + "://mirror.somewhere.net/x", "index-url=http" + "://10a.somewhere.io/simple"]
)
def test_an_address_is_found(text: str) -> None:
    assert len(addresses_of_the_internet(text)) == 1


def recipe(target: str) -> str:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"(?m)^{target}:[^\n]*\n((?:\t[^\n]*\n?)*)", makefile)
    assert found, f"make {target} is missing"
    return found[1]


@pytest.mark.parametrize("tool", ["ruff format --check", "ruff check", "mypy", "lint-imports"])
def test_make_check_runs(tool: str) -> None:
    assert tool in recipe("check")


def test_a_change_must_pass_what_a_person_types() -> None:
    assert [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make ")] == [
        "make check",
        "make test",
    ]


def test_the_packages_that_are_installed_are_those_that_are_checked() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = project["tool"]
    packages = set(tools["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == set(tools["mypy"]["packages"]) == set(tools["importlinter"]["root_packages"])
    assert tools["mypy"]["strict"] is True
    assert "error" in tools["pytest"]["ini_options"]["filterwarnings"]


def test_every_dependency_is_pinned_by_name() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = set()
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"([A-Za-z0-9._-]+)==\S+", line)
        assert found, f"constraints.txt: {line!r} is not a name and a version"
        pinned.add(canonical(found[1]))
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name
        assert canonical(name[0]) in pinned, f"{name[0]} has no version in constraints.txt: make constraints"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
