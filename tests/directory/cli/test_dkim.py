"""``citymail dkim`` as somebody types it, with a DNS that is a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from directory.cli import commands
from directory.cli.context import CliContext
from directory.database import Directory
from security.dns import Asking, Status
from tests.directory.cli.terminal import Terminal
from tests.dns_table import DnsTable


class DkimTerminal(Terminal):
    """With a zone that may be changed between two commands."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.dns = DnsTable()

    def run(self, *arguments: str, status: int = 0, stdin: str = "", lang: str = "en") -> Result:
        def ask(_: Path | None, asking: Asking[Any]) -> Any:
            return self.dns.run(asking)

        main = click.Group(commands={command.name or "": command for command in commands})
        context = CliContext(lambda _: self.url, ask=ask)
        environment = {"CITYMAIL_LANG": lang, "CITYMAIL_CONFIG": ""}
        context.language = lang
        result = CliRunner().invoke(main, list(arguments), obj=context, input=stdin, env=environment)
        assert result.exit_code == status, f"{arguments}: {result.output}{result.exception!r}"
        return result

    def publish(self) -> None:
        for entry in self.json("dkim", "key", "dns"):
            self.dns.records[(entry["name"], "TXT")] = ["".join(entry["strings"]).encode()]


@pytest.fixture
def citymail(directory: Directory) -> DkimTerminal:
    return DkimTerminal(directory.url)


def test_from_the_first_key_to_the_first_signature(citymail: DkimTerminal) -> None:
    said = citymail("dkim", "key", "make", "city.gov.vn")
    lines = said.splitlines()
    assert len(lines) == 3
    assert '._domainkey.city.gov.vn. IN TXT ( "v=DKIM1; k=rsa; h=sha256; s=email; t=s; p=' in lines[1]
    assert lines[2].endswith('" )')
    assert [key["state"] for key in citymail.json("dkim", "key", "list")] == ["made", "made"]
    rows = citymail("dkim", "check").splitlines()[1:]
    assert [row.split()[-1] for row in rows] == ["missing", "missing"]
    citymail.publish()
    rows = citymail("dkim", "check").splitlines()[1:]
    assert [row.split()[-1] for row in rows] == ["right", "right"]
    assert [key["state"] for key in citymail.json("dkim", "key", "list")] == ["published", "published"]
    said = citymail("dkim", "rotate")
    assert said.count("signs from now on.") == 2
    assert citymail("dkim", "rotate") == "Nothing is due.\n"
    assert citymail.json("dkim", "rotate") == []


def test_no_answer_shows_a_private_key(citymail: DkimTerminal) -> None:
    for arguments in (("key", "make", "city.gov.vn"), ("key", "list"), ("key", "dns"), ("check",), ("rotate",)):
        for form in ((), ("--json",)):
            said = citymail("dkim", *arguments, *form)
            assert "secret" not in said
            assert "PRIVATE" not in said


def test_a_key_by_hand(citymail: DkimTerminal) -> None:
    citymail("dkim", "key", "make", "city.gov.vn", "--kind", "rsa", "--selector", "mot")
    assert "not seen in the DNS" in citymail.run("dkim", "key", "activate", "city.gov.vn", "mot", status=1).stderr
    citymail("dkim", "key", "activate", "city.gov.vn", "mot", "--unseen")
    assert "signs mail" in citymail.run("dkim", "key", "remove", "city.gov.vn", "mot", status=1).stderr
    citymail("dkim", "key", "retire", "city.gov.vn", "mot")
    citymail("dkim", "key", "remove", "city.gov.vn", "mot")
    assert citymail.json("dkim", "key", "list") == []
    assert [key["state"] for key in citymail.json("dkim", "key", "list", "--removed")] == ["removed"]
    actions = [entry["action"] for entry in citymail.json("audit", "search", "mot._domainkey")]
    assert actions == ["dkim.remove", "dkim.retire", "dkim.activate", "dkim.make"]


def test_a_key_that_signs_and_is_not_in_the_dns_is_an_alarm(citymail: DkimTerminal) -> None:
    citymail("dkim", "key", "make", "city.gov.vn", "--kind", "rsa", "--selector", "mot")
    citymail("dkim", "key", "activate", "city.gov.vn", "mot", "--unseen")
    citymail.run("dkim", "check", status=1)
    assert "fails everywhere" in citymail.run("dkim", "rotate", status=1).stderr
    assert citymail.json("dkim", "check", status=1) == [
        {"name": "mot._domainkey.city.gov.vn", "state": "active", "dns": "missing"}
    ]
    citymail.dns.records[("mot._domainkey.city.gov.vn", "TXT")] = Status.FAILED
    assert citymail.json("dkim", "rotate") == []  # nothing is known, so nothing is done
    assert "không có trả lời" in citymail("dkim", "check", status=1, lang="vi")


def test_what_is_refused(citymail: DkimTerminal) -> None:
    citymail.run("dkim", "key", "make", "example.org", status=3)
    citymail.run("dkim", "key", "list", "example.org", status=3)
    citymail.run("dkim", "key", "activate", "city.gov.vn", "nothing", status=3)
    citymail.run("dkim", "key", "make", "city.gov.vn", "--selector", "x", status=2)
    citymail.run("dkim", "key", "make", "city.gov.vn", "--kind", "rsa", "--selector", "a b", status=1)


def test_vietnamese(citymail: DkimTerminal) -> None:
    assert citymail("dkim", "key", "make", "city.gov.vn", lang="vi").startswith("Hãy công bố bản ghi sau")
    assert "mới tạo" in citymail("dkim", "key", "list", lang="vi")
    assert "cần được công bố" in citymail("dkim", "rotate", lang="vi")
