"""``citymail trace``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import main
from mailserver.config import load, render
from mailserver.delivery import tracing
from mailserver.delivery.post_office import Origin
from mailserver.delivery.tracing import Fate, LastWord, Trace
from mailserver.installation import install
from mailserver.store import Store

ORIGIN = Origin("192.0.2.1", "mx.a.example", "ESMTP")


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "citymail.toml"
    path.write_text(render({"storage": {"data": "data"}, "city": {"domain": "city.vn"}}), encoding="utf-8")
    config = load(path)
    install(config)
    store = Store(config.store_url, config.data)
    taken = Trace("A1", ORIGIN, "x@a.example", (Fate("an@city.vn", "inbox", "an"),), 99, "accept", results="spf=pass")
    refused = Trace("A2", ORIGIN, "", (Fate("an@city.vn", "refuse"), Fate("b@city.vn", "refuse")), 7, "refuse", "DMARC")
    for number, each in enumerate((taken, refused), 1):
        store.write(lambda tx, each=each, number=number: tracing.record(tx, each, number)).result()  # type: ignore[misc]
    word = LastWord("x@far.example", "sent", "mx.far.example", "250 2.0.0 OK")
    store.write(lambda tx: tracing.record_last_words(tx, [(1, word)])).result()
    store.close()
    return path


def call(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["trace", "--config", str(path), "--lang", "en", *arguments])


def test_a_message_by_its_reference(config_path: Path) -> None:
    said = call(config_path, "a1")
    assert said.exit_code == 0
    assert "A1  " in said.output
    assert "  taken\n" in said.output
    assert "from <x@a.example> by 192.0.2.1 (mx.a.example), 99 octets" in said.output
    assert "→ an@city.vn: in the mailbox" in said.output
    assert "⇒ x@far.example: sent " in said.output
    assert "mx.far.example: 250 2.0.0 OK\n" in said.output
    assert "A2" not in said.output


@pytest.mark.parametrize(
    ("arguments", "references"),
    [
        ((), {"A1", "A2"}),
        (("--to", "an@city.vn"), {"A1", "A2"}),
        (("--to", "b@city.vn"), {"A2"}),
        (("--sender", "x@a.example"), {"A1"}),
        (("--sender", "<>"), {"A2"}),
        (("--action", "refuse"), {"A2"}),
        (("--since", "2d"), {"A1", "A2"}),
        (("--limit", "1"), None),
    ],
)
def test_choosing(config_path: Path, arguments: tuple[str, ...], references: set[str] | None) -> None:
    said = call(config_path, "--json", *arguments)
    rows = json.loads(said.output)
    assert said.exit_code == 0
    assert len(rows) == 1 if references is None else {row["reference"] for row in rows} == references
    assert all(row["at"] <= time.time() for row in rows)


def test_nothing_found(config_path: Path) -> None:
    said = call(config_path, "--to", "nobody@city.vn")
    assert said.exit_code == 1
    assert "No such message is recorded." in said.output


def test_in_vietnamese(config_path: Path) -> None:
    assert "bị từ chối: DMARC" in call(config_path, "A2", "--lang", "vi").output


def test_a_wrong_age(config_path: Path) -> None:
    assert call(config_path, "--since", "soon").exit_code == 2
