"""Others' reports on mail in our name: read once, kept, and shown."""

from __future__ import annotations

import gzip
import json

import pytest
from click.testing import CliRunner

from mailserver.cli import main
from mailserver.config import render
from mailserver.delivery import received_reports
from mailserver.message.aggregate import DMARC, Document, aggregate_message
from mailserver.message.received_reports import Report
from mailserver.store import messages
from tests.mailserver.mailroom import mails

# -- others' reports


def received(office, *, results="mail.city.vn; dmarc=pass header.from=far.example", domain="city.vn", number="7"):
    content = gzip.compress(
        f"<feedback><report_metadata><org_name>Xa</org_name><report_id>{number}</report_id><date_range><begin>1</begin>"
        f"<end>{office.now()}</end></date_range></report_metadata><policy_published><domain>{domain}</domain>"
        "</policy_published><record><row><source_ip>192.0.2.7</source_ip><count>3</count><policy_evaluated>"
        "<disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers>"
        f"<header_from>{domain}</header_from></identifiers></record></feedback>".encode()
    )
    document = Document(DMARC, domain, "far.example", number, 1, 2, content)
    octets = aggregate_message(document, author="r@far.example", to=["an@city.vn"], date=office.now())
    front = f"Authentication-Results: {results}\r\n".encode() if results else b""
    inbox = office.inbox_of("an")
    content = office.store.prepare(front + octets)
    office.store.write(lambda tx: messages.append(tx, content, [messages.Target(inbox)])).result()


def kept(office):
    with office.store.read() as connection:
        return received_reports.find(connection)


def test_others_reports_are_read_once_and_the_mail_stays(make_office):
    office = make_office(reports={"received_at": ("an@city.vn", "nobody@city.vn")})
    received(office)
    received(office)  # sent twice, kept once
    received(office, number="8", results="")
    received(office, number="9", results="mx.far.example; dmarc=pass header.from=far.example")
    received(office, number="10", domain="victim.example")
    received(office, number="11", domain="so.city.vn")
    assert received_reports.read_new(office) == 5
    assert received_reports.read_new(office) == 0
    received(office, number="12")
    assert received_reports.read_new(office) == 1
    found = kept(office)
    assert [each["domain"] for each in found].count("so.city.vn") == 1
    assert sorted(each["sender"] for each in found) == ["", "", "far.example", "far.example", "far.example"]
    assert found[0]["rows"][0]["source"] == "192.0.2.7"
    assert len(mails(office.store, "an")) == 7
    assert office.store.write(lambda tx: received_reports.sweep(tx, office.now() + 1)).result() == 5
    assert kept(office) == []


def test_a_message_that_breaks_the_reader_does_not_hide_those_behind_it(make_office, monkeypatch):
    office = make_office(reports={"received_at": ("an@city.vn",)})
    received(office)
    received(office, number="8")
    reader = received_reports.find_reports
    failures = [RuntimeError("a bug of ours")]

    def find(octets):
        if failures:
            raise failures.pop()
        return reader(octets)

    monkeypatch.setattr(received_reports, "find_reports", find)
    assert received_reports.read_new(office) == 1
    assert received_reports.read_new(office) == 0


@pytest.mark.parametrize("sender, limit", [("", 256 << 10), ("far.example", 4 << 20)])
def test_what_a_small_file_unpacks_to_does_not_fill_the_disk(sender, limit):
    rows = [{"source": "x" * 400, "count": 1}] * 20_000
    kept = received_reports._as_row(Report("dmarc", "city.vn", "Xa", "1", 1, 2, rows), sender, 3)["content"]
    assert limit - 1000 < len(kept) <= limit
    assert json.loads(kept)[0] == rows[0]


def test_the_command_shows_who_sends_in_our_name(make_office, tmp_path):
    office = make_office(reports={"received_at": ("an@city.vn",)})
    config = tmp_path / "citymail.toml"
    config.write_text(
        render(
            {"city": {"domain": "city.vn", "hostname": "mail.city.vn"}, "storage": {"data": str(office.config.data)}}
        )
    )

    def run(*arguments, status=0):
        done = CliRunner().invoke(main, ["reports", *arguments, "--config", str(config), "--lang", "en"])
        assert done.exit_code == status, done.output
        return done.output

    assert "No report has come." in run(status=1)
    received(office)
    received(office, number="8", results="")
    received_reports.read_new(office)
    said = run()
    assert "Mail in the name of city.vn, 2 reports of Xa:" in said
    assert "6 messages, 0 vouched for, 6 stopped" in said
    assert "6  192.0.2.7  From city.vn, SPF -, DKIM -: reject" in said
    assert "1 reports are of nobody's" in said
    assert [each["sender"] for each in json.loads(run("--json", "--domain", "city.vn"))].count("far.example") == 1
    run("--kind", "tls", status=1)
