"""Templates, compiled once for each language: what does not change afterwards is written into them.

Most texts of a page are the same for all readers of a language, and icons and addresses of files are the same for
everybody.  Looked up for each request they were half of what a page cost.  ``_("…")`` with a literal text, and the
functions of ``Environment.lasting`` with literal arguments, are therefore answered when a template is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from flask import Flask
from flask.templating import Environment as FlaskEnvironment
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from webmail.languages import catalogue, choose


class Environment(FlaskEnvironment):
    """Gives the reader's templates to whoever asks for some."""

    def __init__(self, app: Flask, **options: Any) -> None:
        super().__init__(app, **options)
        self.lasting: dict[str, Callable[..., str]] = {}  # functions whose answers to literals never change
        self.constants: _Constants | None = None  # of one language; the environment that Flask knows has none
        self._languages: dict[str, Environment] = {}

    def get_or_select_template(
        self,
        template_name_or_list: Any,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002  (as Jinja calls it)
    ) -> Template:
        if self.constants is not None:
            return super().get_or_select_template(template_name_or_list, parent, globals)
        return self._of(choose()).get_or_select_template(template_name_or_list, parent, globals)

    def _of(self, language: str) -> Environment:
        found = self._languages.get(language)
        if found is None:
            found = self.overlay()
            found.constants = _Constants(language, self.lasting)
            self._languages[language] = found
        return found

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed = super()._parse(source, name, filename)
        if self.constants is not None:
            self.constants.visit(parsed)
        return parsed


class _Constants(NodeTransformer):
    """Calls whose answers are known, replaced with the answers."""

    def __init__(self, language: str, lasting: dict[str, Callable[..., str]]) -> None:
        self.language = language
        self._gettext = catalogue(language).gettext
        self._lasting = lasting

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802  (the visitor finds it by the node's name)
        self.generic_visit(node)
        if not isinstance(node.node, nodes.Name) or node.dyn_args or node.dyn_kwargs:
            return node
        given = [each.value for each in node.args if isinstance(each, nodes.Const)]
        if len(given) != len(node.args):
            return node
        if node.node.name == "_":
            text = nodes.Const(Markup(self._gettext(*given)))  # noqa: S704  (a text of our own)
            values = [nodes.Pair(nodes.Const(each.key), each.value) for each in node.kwargs]
            return nodes.Mod(text, nodes.Dict(values), lineno=node.lineno)
        if node.node.name in self._lasting and not node.kwargs:
            return nodes.Const(self._lasting[node.node.name](*given), lineno=node.lineno)
        return node


def compiled_in(app: Flask, **functions: Callable[..., str]) -> None:
    """Functions for templates whose answers to literals never change while this process lives."""
    environment = app.jinja_env
    assert isinstance(environment, Environment)
    environment.lasting.update(functions)
    environment.globals.update(functions)
