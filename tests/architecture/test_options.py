"""An option that nothing reads is a lie in the configuration file."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from mailserver.config import Config
from tests.architecture.sources import dotted_name, modules, tree

SECTIONS = {part.name: part.default_factory for part in fields(Config) if part.name != "path"}
OPTIONS = [f"{section}.{option.name}" for section, made in SECTIONS.items() for option in fields(made)]  # type: ignore[arg-type]


def options_read_in(path: Path) -> set[str]:
    """``section.option`` for every attribute of a section that the module takes."""
    nodes = list(ast.walk(tree(path)))
    section_of_class = {made.__name__: section for section, made in SECTIONS.items()}  # type: ignore[union-attr]
    # A section goes by its own name, or by that of a variable: `settings: Relay`, `settings = config.relay`.
    names: dict[str, set[str]] = {section: {section} for section in SECTIONS}
    for node in nodes:
        name, kind = "", ""
        if isinstance(node, ast.arg) and node.annotation:
            name, kind = node.arg, ast.unparse(node.annotation).strip("'\"")
        elif isinstance(node, ast.AnnAssign):
            name, kind = dotted_name(node.target).rpartition(".")[2], ast.unparse(node.annotation).strip("'\"")
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            name = dotted_name(node.targets[0]).rpartition(".")[2]
            section = dotted_name(node.value).rpartition(".")[2]
            if section in SECTIONS and isinstance(node.value, ast.Attribute):
                names.setdefault(name, set()).add(section)
        if name and kind in section_of_class:
            names.setdefault(name, set()).add(section_of_class[kind])
    read = {
        f"{section}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute)
        for section in names.get(dotted_name(node.value).rpartition(".")[2], ())
    }
    if any(  # the ports are gone through by the services' names
        isinstance(node, ast.Call)
        and dotted_name(node.func) == "getattr"
        and dotted_name(node.args[0]).endswith("config.listen")
        for node in nodes
    ):
        read |= {f"listen.{node.value}" for node in nodes if isinstance(node, ast.Constant)}
    if path.parent.as_posix() == "mailserver/config":
        # Only the properties of sections pass an option on; the reader knows all of them by their names.
        passed_on = {"storage.data", "storage.database", "storage.directory"}
        read = (read & passed_on) | {f"city.{option}" for option in ("domain", "domains") if uses(nodes, option)}
    return read


def uses(nodes: list[ast.AST], option: str) -> bool:
    return any(isinstance(node, ast.Attribute) and dotted_name(node) == f"self.{option}" for node in nodes)


@pytest.fixture(scope="module")
def read_options() -> set[str]:
    return set().union(*(options_read_in(path) for path in modules()))


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_read_by_something(option: str, read_options: set[str]) -> None:
    assert option in read_options


def test_an_option_that_nobody_reads_is_found(read_options: set[str]) -> None:
    assert "smtp.max_hop" not in read_options
    assert "relay.domain" not in read_options
