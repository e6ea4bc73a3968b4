"""``citymail --as`` a postmaster: mail on its way, quarantine, traces and indexes, by the right of a role."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from directory.database import open_directory
from directory.record import search
from mailserver.cli import main
from mailserver.config import load
from mailserver.delivery import spool, tracing
from mailserver.delivery.post_office import Origin
from mailserver.delivery.tracing import Fate, LastWord, Trace
from mailserver.store import Store
from mailserver.store.database import Transaction
from mailserver.store.messages import insert_message

PASSWORD = "trời nhiều mây"
MESSAGE = b"From: an@thanhpho.example\r\nTo: x@far.example\r\nSubject: Bill\r\n\r\nbody\r\n"
Citymail = Callable[..., Result]
LOOKS = (
    (("queue", "list"), "queue.see"),
    (("queue", "show", "1"), "queue.see"),
    (("queue", "domains"), "queue.see"),
    (("queue", "hold", "--all"), "queue.hold"),
    (("quarantine", "list"), "quarantine.see"),
    (("quarantine", "show", "2"), "quarantine.see"),
    (("quarantine", "remove", "2"), "quarantine.remove"),
    (("trace",), "trace.see"),
    (("trace", "--to", "giam@thanhpho.example"), "trace.see"),
    (("index", "status", "an"), "index.see"),
    (("index", "rebuild", "an"), "index.rebuild"),
    (("reports",), "reports.see"),
    (("doctor",), "doctor.see"),
    (("ca", "crl", "--anew"), "ca.act"),
    (("ca", "status"), "ca.see"),
)


@pytest.fixture
def citymail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Citymail:
    """chi is the city's postmaster, dung the helpdesk of one unit; giam is a director of another."""
    for name in list(os.environ):
        if name.startswith("CITYMAIL"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, status: int = 0) -> Result:
        env = {"CITYMAIL_CONFIG": "c.toml", "CITYMAIL_LANG": "en", "CITYMAIL_ADMIN_PASSWORD": PASSWORD}
        done = CliRunner().invoke(main, list(arguments), env=env)
        assert done.exit_code == status, f"{arguments} {done.output}{done.exception!r}"
        return done

    CliRunner().invoke(main, ["init", "--domain", "thanhpho.example", "--data", "data", "c.toml"])
    run("unit", "define-type", "department", "--name", "Sở", "--name-en", "Department")
    for short in ("SYT", "STC"):
        run("unit", "add", short, "--short", short, "--type", "department", "--from", "2020-01-01")
    people = (("Văn An", "an", "SYT"), ("Lê Chi", "chi", "STC"), ("Hồ Dũng", "dung", "SYT"), ("Võ Giám", "giam", "STC"))
    for name, address, unit in people:
        run(
            *("official", "add", "--name", name, "--address", address, "--password", PASSWORD),
            *("--unit", unit, "--position", "CV", "--from", "2026-01-01"),
        )
    run("admin", "grant", "chi", "postmaster", "--below-rank", "0")
    run("admin", "grant", "dung", "helpdesk", "--unit", "SYT", "--below-rank", "0")
    return run


@pytest.fixture(autouse=True)
def mail(citymail: Citymail, tmp_path: Path) -> None:
    """One message waits for another server, one is in quarantine, and one was traced to two people."""
    loaded = load(tmp_path / "c.toml")
    store = Store(loaded.store_url, loaded.data)

    def put(tx: Transaction) -> None:
        message_id = insert_message(tx, store.prepare(MESSAGE))
        to = [spool.SpoolRecipient("x@far.example")]
        spool.put(tx, message_id, spool.Envelope("an@thanhpho.example"), to)
        spool.put(tx, message_id, spool.Envelope("x@far.example"), to, quarantine="clamav: Virus")
        fates = (Fate("an@thanhpho.example", "inbox"), Fate("giam@thanhpho.example", "inbox"))
        trace = Trace("REF1", Origin("192.0.2.1", "far.example", "ESMTP"), "x@far.example", fates, 10, "accept")
        tracing.record(tx, trace, message_id)
        words = [(message_id, LastWord(f"{name}@elsewhere.example", "sent", "mx", "250")) for name in ("an", "giam")]
        tracing.record_last_words(tx, words)

    store.write(put).result()
    store.close()


def actions(tmp_path: Path, action: str) -> list[tuple[str, str, str]]:
    directory = open_directory(load(tmp_path / "c.toml").directory_url)
    try:
        with directory.read() as conn:
            return [(each.actor, each.subject, each.details) for each in search(conn, action=action)]
    finally:
        directory.close()


def test_a_postmaster_works_in_his_own_name(citymail: Citymail, tmp_path: Path) -> None:
    chi = ("--as", "chi")
    (waiting,) = json.loads(citymail(*chi, "queue", "list", "--json").stdout)
    citymail(*chi, "queue", "hold", str(waiting["id"]), "--reason", "máy chủ kia hỏng")
    ((actor, _, details),) = actions(tmp_path, "queue.hold")
    assert actor == "chi@thanhpho.example"
    assert "máy chủ kia hỏng" in details and '"as_role":"postmaster"' in details
    (caught,) = json.loads(citymail(*chi, "quarantine", "list", "--json").stdout)
    citymail(*chi, "quarantine", "release", str(caught["id"]))
    assert [actor for actor, _, _ in actions(tmp_path, "quarantine")] == ["chi@thanhpho.example"]
    assert "giam@thanhpho.example" in citymail(*chi, "trace", "REF1").stdout
    citymail(*chi, "index", "status", "an")
    citymail(*chi, "index", "rebuild", "an")
    assert [subject for _, subject, _ in actions(tmp_path, "index.rebuild")] == ["an@thanhpho.example"]
    citymail(*chi, "reports", status=1)
    # and nothing beside it
    for command in (("official", "lock", "an"), ("ca", "crl", "--anew"), ("audit", "search")):
        citymail(*chi, *command, status=1)


def test_whoever_has_no_such_role_is_told_which_right_is_missing(citymail: Citymail, tmp_path: Path) -> None:
    for command, operation in LOOKS:
        said = citymail("--as", "dung", *command, status=1).stderr
        assert operation in said, said
    assert len(actions(tmp_path, "admin.refused")) == len(LOOKS)
    assert actions(tmp_path, "queue") == actions(tmp_path, "quarantine") == []
    (waiting,) = json.loads(citymail("queue", "list", "--json").stdout)
    assert waiting["held"] is False
    assert len(json.loads(citymail("quarantine", "list", "--json").stdout)) == 1


def test_a_helpdesk_follows_mail_to_its_own_people_and_sees_no_other_recipient(citymail: Citymail) -> None:
    (row,) = json.loads(citymail("--as", "dung", "trace", "--to", "An@thanhpho.example", "--json").stdout)
    assert [each["forward_path"] for each in row["fates"]] == ["an@thanhpho.example"]
    assert row["relayed"] == []
    citymail("--as", "dung", "trace", "--sender", "giam@thanhpho.example", status=1)
    citymail("--as", "dung", "trace", "REF1", status=1)


def test_the_owner_of_the_machine_looks_after_it_without_an_emergency(citymail: Citymail, tmp_path: Path) -> None:
    citymail("queue", "hold", "--all", "--by", "truc.ban")
    citymail("index", "rebuild", "an")
    told = actions(tmp_path, "queue.hold") + actions(tmp_path, "index.rebuild")
    assert told[0][0] == "truc.ban"
    assert not any("emergency" in details for _, _, details in told)
