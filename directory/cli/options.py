"""Options that several commands share, each group of them handed to the command as one value."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from directory.cli.context import CliContext
from directory.cli.texts import help_text, text
from directory.dates import parse_day
from directory.signing_in.password_policy import refuse_impossible, refuse_weak
from directory.staff.postings import AppointmentKind
from directory.words.names import PersonName, split_name, tidy
from security.passwords import hash_password, make_password
from security.scram import new_verifier

Command = Callable[..., Any]
T = TypeVar("T")

from_option = click.option("--from", "from_day", help=help_text("option.from"))
decision_option = click.option("--decision", default="", help=help_text("option.decision"))
quota_option = click.option("--quota", default="0", show_default=True, help=help_text("option.quota"))
limit_option = click.option("--limit", type=click.IntRange(1), help=help_text("option.limit"))
allow_weak_option = click.option("--allow-weak", is_flag=True, help=help_text("option.allow-weak"))


def _gathered(kind: type[T], argument: str, options: dict[str, Callable[[Command], Command]]) -> Callable[..., Command]:
    """A decorator: declares the options, and gives the command ``kind`` made of them as one argument."""

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            made = kind(**{name: kwargs.pop(name) for name in options})
            return function(*args, **{argument: made}, **kwargs)

        declared: Command = run
        for option in reversed(options.values()):
            declared = option(declared)
        return declared

    return decorate


# --- passwords --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passwords:
    """What password is wanted: given, read from standard input, made here, or none."""

    password: str | None
    password_stdin: bool
    generate: bool
    must_change: bool
    allow_weak: bool

    def choose(self, cli: CliContext, *, ask: bool = False) -> ChosenPassword:
        """Raises UsageError where more than one is wanted."""
        if sum((self.password is not None, self.password_stdin, self.generate)) > 1:
            raise click.UsageError(text("option.one-password", cli.language))
        if self.generate:
            cli.keep_in_hand()
            return ChosenPassword(make_password(), True, self.allow_weak)
        if ask or self.password_stdin or self.password is not None:
            cli.keep_in_hand()
        chosen = sys.stdin.readline().rstrip("\r\n") if self.password_stdin else self.password
        if chosen is None and ask:
            prompt = text("password.new", cli.language)
            chosen = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
        return ChosenPassword(chosen, False, self.allow_weak)


@dataclass(frozen=True, slots=True)
class ChosenPassword:
    text: str | None
    is_made: bool
    may_be_weak: bool

    def hashed(self, about: Iterable[str]) -> str | None:
        """For the database; it takes 20 ms, so before a transaction begins.  Raises Fault for a weak one."""
        if self.text is None:
            return None
        if self.may_be_weak:
            refuse_impossible(self.text)
        else:
            refuse_weak(self.text, about)
        return hash_password(self.text)

    def verifier(self, cli: CliContext) -> str | None:
        """What SCRAM is judged by, where it is offered; takes as long again."""
        return new_verifier(self.text) if self.text is not None and cli.offers_scram else None


password_stdin_option = click.option("--password-stdin", is_flag=True, help=help_text("option.password-stdin"))
must_change_option = click.option("--must-change", is_flag=True, help=help_text("option.must-change"))
password_options = _gathered(
    Passwords,
    "passwords",
    {
        "password": click.option("--password", help=help_text("option.password")),
        "password_stdin": password_stdin_option,
        "generate": click.option("--generate", is_flag=True, help=help_text("option.generate")),
        "must_change": must_change_option,
        "allow_weak": allow_weak_option,
    },
)


# --- names ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NameParts:
    name: str | None
    family: str | None
    middle: str | None
    given: str | None

    def applied(self, before: PersonName | None = None) -> PersonName:
        """The parts that were given win over what the full name would be split into."""
        base = split_name(self.name) if self.name else before
        parts = [tidy(part) if part is not None else None for part in (self.family, self.middle, self.given)]
        if base is None:
            family, middle, given = (part or "" for part in parts)
            return PersonName(_spelled(family, middle, given), family, middle, given)
        family, middle, given = (
            part if part is not None else kept
            for part, kept in zip(parts, (base.family, base.middle, base.given), strict=True)
        )
        full = base.full if self.name or not any(parts) else _spelled(family, middle, given)
        return replace(base, full=full, family=family, middle=middle, given=given)


def _spelled(*parts: str) -> str:
    return " ".join(part for part in parts if part)


name_options = _gathered(
    NameParts,
    "name_parts",
    {
        "name": click.option("--name", help=help_text("official.name")),
        "family": click.option("--family", help=help_text("official.family")),
        "middle": click.option("--middle", help=help_text("official.middle")),
        "given": click.option("--given", help=help_text("official.given")),
    },
)


# --- posts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it is named on the command line."""

    unit: str
    position: str
    title: str
    kind: AppointmentKind
    from_day: str | None
    decision: str

    def first_day(self, today: str) -> str:
        return parse_day(self.from_day) if self.from_day else today


def _post_options(*, required: bool) -> Callable[[Command], Command]:
    given: dict[str, Any] = {"required": True} if required else {"default": ""}
    kinds = click.Choice(["substantive", "acting", "seconded"])
    return _gathered(
        Post,
        "post",
        {
            "unit": click.option("--unit", help=help_text("official.unit"), **given),
            "position": click.option("--position", help=help_text("official.position"), **given),
            "title": click.option("--title", default="", help=help_text("official.title"), callback=_tidied),
            "kind": click.option(
                "--kind", type=kinds, default="substantive", show_default=True, help=help_text("official.kind")
            ),
            "from_day": from_option,
            "decision": decision_option,
        },
    )


def _tidied(_ctx: click.Context, _option: click.Parameter, value: str) -> str:
    return tidy(value)


post_options = _post_options(required=True)
first_post_options = _post_options(required=False)


# --- leaving ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Redirect:
    redirect_to: str
    redirect_until: str | None

    def until(self, otherwise: str) -> str:
        return parse_day(self.redirect_until) if self.redirect_until else otherwise


redirect_options = _gathered(
    Redirect,
    "redirect",
    {
        "redirect_to": click.option("--redirect-to", default="", help=help_text("official.redirect-to")),
        "redirect_until": click.option("--redirect-until", help=help_text("official.redirect-until")),
    },
)
