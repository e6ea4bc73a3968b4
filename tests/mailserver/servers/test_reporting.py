"""Reports between domains: counted, made, sent once, and those of others read."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
import time
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest
from lxml import etree
from sqlalchemy import select

from directory.database import open_directory
from directory.dkim import keys as dkim_keys
from mailserver import processes
from mailserver.config import load, render
from mailserver.delivery import dmarc_outcomes, reporting, tls_outcomes, tls_reports
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.routing import Host, Route
from mailserver.delivery.tls_reports import DAY, day_of, seconds_of
from mailserver.installation import install
from mailserver.message.aggregate import Document
from mailserver.message.received_reports import find_reports
from mailserver.servers.reporting import Reporter, World, is_public
from mailserver.smtp.tls_policy import TlsPolicy
from mailserver.store.peer_tables import dmarc_outcome, tls_outcome
from mailserver.store.tables import spool_item, spool_recipient
from mailserver.wiring import build
from security.dkim import read_message, verify
from security.dns import Status
from security.mta_sts import Mode, Policy
from security.report_uris import Destination
from tests.dns_table import DnsTable
from tests.mailserver.mailroom import Talk, make_config
from tests.mailserver.servers.far_away import NameServer
from tests.mailserver.servers.test_mx import deliver
from tests.mailserver.servers.test_trust import letter

STS = Policy(Mode.ENFORCE, ("mx.far.example",), 86_400)
ROUTE = Route("far.example", (Host("mx.far.example", 25),), sts=STS)
RPT = ("_smtp._tls.far.example", "TXT")


@pytest.fixture(scope="module")
def signing_city(city_template, tmp_path_factory):
    path = tmp_path_factory.mktemp("reporting") / "directory.db"
    shutil.copy(city_template, path)
    directory = open_directory(f"sqlite:///{path}")
    with directory.write() as conn:
        (key,) = dkim_keys.make(conn, "test", "city.vn", ["ed25519"])
        dkim_keys.activate(conn, "test", "city.vn", key.selector, unseen=True)
    directory.close()
    return path


@pytest.fixture
def make_signing(make_store, signing_city, tmp_path, clock):
    opened = []

    def make(**sections):
        shutil.copy(signing_city, tmp_path / "directory.db")
        directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}", clock=clock, notice_within=0.0)
        opened.append(directory)
        config = make_config(tmp_path, **sections)
        store = make_store(tmp_path, clock=clock)
        return PostOffice(store=store, directory=directory, config=config, clock=clock, random=lambda: 0.5)

    yield make
    for directory in opened:
        directory.close()


@pytest.fixture
def office(make_signing):
    return make_signing()


class Outside:
    """The network, told by a table; what was posted."""

    def __init__(self, records=(), *, takes=True):
        self.table = DnsTable(dict(records))
        self.takes = takes
        self.posted = []

    def post(self, to, document):
        self.posted.append((to.host, document))
        return self.takes

    def reporter(self, office):
        return Reporter(office, World(self.table.run, self.post))


def count_tls(office, *results, domain="far.example"):
    tally = tls_outcomes.Tally()
    for result in results:
        route = replace(ROUTE, domain=domain)
        tally.count(
            tls_outcomes.outcome_of(office.now(), route, TlsPolicy(), "mx.far.example", "192.0.2.1", result, "why")
            if result
            else tls_outcomes.outcome_of(office.now(), route, TlsPolicy(), "mx.far.example", "192.0.2.1")
        )
    office.store.write(lambda tx: tls_outcomes.add(tx, tally.take())).result()


def next_day(clock):
    """To the moment by which every report on the day before is due."""
    clock.time = float(seconds_of(day_of(int(clock.time))) + DAY + 5 * 3600)


def spooled(office):
    """(recipients, octets, envelope) of what waits to be sent."""
    found = []
    with office.store.read() as connection:
        for item in connection.execute(select(spool_item).order_by(spool_item.c.id)).all():
            wanted = select(spool_recipient.c.forward_path).where(spool_recipient.c.item_id == item.id)
            paths = sorted(connection.execute(wanted).scalars())
            found.append((paths, office.store.octets(connection, item.message_id), item))
    return found


def left(office, table):
    with office.store.read() as connection:
        return len(connection.execute(select(table)).all())


def attachment(octets):
    (part,) = message_from_bytes(octets, policy=default).iter_attachments()
    return part


def test_a_days_tls_is_reported_once_and_signed(office, clock):
    count_tls(office, "", "", "certificate-expired", "certificate-expired")
    day = day_of(office.now())
    outside = Outside({RPT: [b"v=TLSRPTv1; rua=mailto:tls@far.example,https://far.example/r"]})
    outside.reporter(office).run()
    assert spooled(office) == []  # the day is not over
    next_day(clock)
    outside.reporter(office).run()
    outside.reporter(office).run()
    ((paths, octets, item),) = spooled(office)
    assert paths == ["tls@far.example"]
    assert (item.reverse_path, item.tls_optional) == ("", True)
    message = message_from_bytes(octets, policy=default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert message["From"].addresses[0].addr_spec == "postmaster@city.vn"
    assert (message["TLS-Report-Domain"], message["TLS-Report-Submitter"]) == ("far.example", "city.vn")
    assert message["TLS-Required"] == "No"
    identifier = message["Message-ID"]
    assert message["Subject"] == f"Report Domain: far.example Submitter: city.vn Report-ID: {identifier}"
    part = list(message.iter_parts())[1]
    assert part.get_content_type() == "application/tlsrpt+gzip"
    begin = seconds_of(day)
    report = json.loads(gzip.decompress(part.get_content()))
    assert part.get_filename() == f"city.vn!far.example!{begin}!{begin + DAY - 1}!{report['report-id']}.json.gz"
    assert report["date-range"] == {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"}
    (told,) = report["policies"]
    assert told["policy"]["policy-type"] == "sts"
    assert told["summary"] == {"total-successful-session-count": 2, "total-failure-session-count": 2}
    assert told["failure-details"] == [
        {
            "result-type": "certificate-expired",
            "receiving-mx-hostname": "mx.far.example",
            "receiving-ip": "192.0.2.1",
            "failed-session-count": 2,
            "failure-reason-code": "why",
        }
    ]
    # what we write, our own reader understands
    (read,) = find_reports(octets)
    assert (read.kind, read.domain, sum(row["count"] for row in read.rows)) == ("tls", "far.example", 4)
    assert [host for host, _ in outside.posted] == ["far.example"]
    assert left(office, tls_outcome) == 0
    signature = message["DKIM-Signature"]
    assert "tls-report-domain:tls-report-submitter" in "".join(signature.split())  # RFC 8460 §5.3
    with office.directory.read() as people:
        zone = {(key.name, "TXT"): [key.record.encode()] for key in dkim_keys.list_keys(people)}
    assert [each.status for each in DnsTable(zone).run(verify(read_message(octets), office.now()))] == ["pass"]


@pytest.mark.parametrize("entry", [Status.NO_NAME, [b"v=TLSRPTv1"]])
def test_who_asks_for_no_report_gets_none(office, clock, entry):
    count_tls(office, "")
    next_day(clock)
    Outside({RPT: entry}).reporter(office).run()
    assert (spooled(office), left(office, tls_outcome)) == ([], 0)


def test_a_silent_dns_is_asked_again_until_it_is_too_late(office, clock):
    count_tls(office, "")
    next_day(clock)
    outside = Outside({RPT: Status.FAILED})
    outside.reporter(office).run()
    assert left(office, tls_outcome) == 1
    clock.pass_by(reporting.GIVE_UP_AFTER)
    outside.reporter(office).run()
    assert left(office, tls_outcome) == 0


def test_a_host_that_does_not_take_it_is_tried_again_after_a_while_that_grows(office, clock):
    count_tls(office, "")
    next_day(clock)
    outside = Outside({RPT: [b"v=TLSRPTv1; rua=https://far.example/r"]}, takes=False)
    reporter = outside.reporter(office)
    tries = []
    for _ in range(30):
        reporter.run()
        tries.append(len(outside.posted))
        clock.pass_by(600)
    assert tries[:8] == [1, 2, 2, 3, 3, 3, 3, 4]
    assert left(office, tls_outcome) == 1
    outside.takes = True
    clock.pass_by(6 * 3600)
    reporter.run()
    assert left(office, tls_outcome) == 0
    assert outside.posted[0][1] == outside.posted[-1][1]  # the same report, to the octet


def test_one_report_that_cannot_be_made_does_not_hold_up_the_others(office, clock, caplog):
    broken = tls_outcomes.Outcome(day_of(office.now()), "a.example", "no JSON")
    office.store.write(lambda tx: tls_outcomes.add(tx, {broken: 1})).result()
    count_tls(office, "")
    next_day(clock)
    wanted = [b"v=TLSRPTv1; rua=mailto:tls@far.example"]
    outside = Outside({RPT: wanted, ("_smtp._tls.a.example", "TXT"): wanted})
    outside.reporter(office).run()
    assert len(spooled(office)) == 1
    assert left(office, tls_outcome) == 1
    assert "could not be made" in caplog.text


def test_a_host_that_never_takes_it_is_given_up(office, clock):
    count_tls(office, "")
    next_day(clock)
    outside = Outside({RPT: [b"v=TLSRPTv1; rua=https://far.example/r"]}, takes=False)
    reporter = outside.reporter(office)
    reporter.run()
    clock.pass_by(reporting.GIVE_UP_AFTER)
    reporter.run()
    assert left(office, tls_outcome) == 0
    assert reporter._pauses == {}


def test_what_is_turned_off_is_forgotten(make_signing, clock):
    office = make_signing(reports={"tls": False, "dmarc": False})
    count_tls(office, "")
    next_day(clock)
    outside = Outside({RPT: [b"v=TLSRPTv1; rua=mailto:tls@far.example"]})
    outside.reporter(office).run()
    assert (outside.table.asked, spooled(office), left(office, tls_outcome)) == ([], [], 0)


def test_nothing_is_mailed_that_nobody_could_believe(make_office, clock):
    office = make_office()  # without keys
    count_tls(office, "")
    next_day(clock)
    Outside({RPT: [b"v=TLSRPTv1; rua=mailto:tls@far.example"]}).reporter(office).run()
    assert (spooled(office), left(office, tls_outcome)) == ([], 0)


def test_a_second_process_finds_nothing_to_report(office, clock):
    """Both have read the same rows; whoever clears them first sends."""
    count_tls(office, "")
    next_day(clock)
    day = day_of(office.now() - DAY)
    document = Document("tls", "far.example", "city.vn", "1", 0, 1, b"x")
    to = [Destination("r@far.example")]
    clear = lambda tx: tls_reports.clear(tx, day, "far.example")  # noqa: E731
    assert [reporting.mail(office, document, to, clear) for _ in range(2)] == [True, False]
    assert len(spooled(office)) == 1


def test_reports_of_a_day_go_out_spread_over_hours_and_the_same_after_a_restart():
    delays = {reporting.delay_of(f"mail{n}.example", "2026-11-22") for n in range(50)}
    assert len(delays) > 40
    assert all(900 <= delay < 4 * 3600 for delay in delays)
    assert reporting.delay_of("a", "2026-11-22") == reporting.delay_of("a", "2026-11-22")


# -- DMARC, over the wire

DNS = {
    ("a.example", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("_dmarc.a.example", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:r@a.example"'],
    ("_dmarc.strict.example", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:r@else.example!10m,mailto:s@strict.example"'],
    ("_dmarc.wary.example", "TXT"): ['"v=DMARC1; p=quarantine; sp=none; rua=mailto:r@wary.example"'],
    ("_dmarc.quiet.example", "TXT"): ['"v=DMARC1; p=reject"'],
}


@pytest.fixture
def trusting(make_room):
    server = NameServer(DNS)
    yield make_room(trust={"networks": ()}, dns={"resolvers": (server.address,), "timeout": 2})
    server.close()


def send(room, author, sender="x@a.example"):
    with Talk(room) as talk:
        assert talk.ask("EHLO mx.a.example").startswith("250")
        return deliver(talk, letter(author), "an@city.vn", sender=sender)


def outcomes(office):
    office.store.write(lambda tx: None).result()  # what nobody waits for is before it
    with office.store.read() as connection:
        rows = connection.execute(select(dmarc_outcome).order_by(dmarc_outcome.c.domain, dmarc_outcome.c.detail)).all()
    return [(row.domain, json.loads(row.detail), row.messages) for row in rows]


def test_what_dmarc_made_of_mail_is_counted_and_reported(trusting, office, clock):
    assert send(trusting, "x@a.example").startswith("250")
    assert send(trusting, "x@a.example").startswith("250")
    assert send(trusting, "x@strict.example").startswith("550")
    assert send(trusting, "x@wary.example").startswith("250")
    assert send(trusting, "x@sub.wary.example").startswith("250")
    assert send(trusting, "x@quiet.example").startswith("550")
    counted = outcomes(trusting.office)
    told = [(domain, detail["header_from"], detail["disposition"], count) for domain, detail, count in counted]
    assert sorted(told) == [
        ("a.example", "a.example", "pass", 2),
        ("strict.example", "strict.example", "reject", 1),
        ("wary.example", "sub.wary.example", "none", 1),
        ("wary.example", "wary.example", "quarantine", 1),
    ]
    assert not any(detail["reason"] for _, detail, _ in counted)
    # what was counted there is reported from an office that has keys
    move(trusting.office, office)
    next_day(clock)
    consent = {("strict.example._report._dmarc.else.example", "TXT"): [b"v=DMARC1"]}
    Outside(consent).reporter(office).run()
    Outside(consent).reporter(office).run()
    sent = {paths[0]: (paths, octets) for paths, octets, _ in spooled(office)}
    assert sorted(sent) == ["r@a.example", "r@else.example", "r@wary.example"]
    assert sent["r@else.example"][0] == ["r@else.example", "s@strict.example"]
    assert left(office, dmarc_outcome) == 0
    check_report(sent["r@wary.example"][1])


def move(source, target):
    with source.store.read() as connection:
        rows = [dict(row) for row in connection.execute(select(dmarc_outcome)).mappings()]
    target.store.write(lambda tx: tx.connection.execute(dmarc_outcome.insert(), rows)).result()


def check_report(octets):
    """The order of elements is that of RFC 9990 Appendix A."""
    message = message_from_bytes(octets, policy=default)
    assert message["Subject"].startswith("Report Domain: wary.example Submitter: city.vn Report-ID: <")
    part = attachment(octets)
    assert part.get_content_type() == "application/gzip"
    assert part.get_filename().startswith("city.vn!wary.example!")
    root = etree.fromstring(gzip.decompress(part.get_content()))
    names = [etree.QName(each).localname for each in root.iter()]
    assert (
        names
        == (
            "feedback version report_metadata org_name email report_id date_range begin end generator "
            "policy_published domain discovery_method p sp np adkim aspf testing "
            + "record row source_ip count policy_evaluated disposition dkim spf identifiers header_from envelope_from "
            "auth_results spf domain scope result " * 2
        ).split()
    )
    (read,) = find_reports(octets)
    assert (read.kind, read.domain) == ("dmarc", "wary.example")
    assert sorted((row["header_from"], row["count"], row["spf_result"]) for row in read.rows) == [
        ("sub.wary.example", 1, "a.example pass"),
        ("wary.example", 1, "a.example pass"),
    ]


def count_dmarc(office, *, rua=("mailto:r@far.example",)):
    told = {"domain": "far.example", "p": "reject", "sp": "reject", "np": "reject", "adkim": "r", "aspf": "r"}
    policy = json.dumps(told | {"testing": "n", "rua": list(rua)})
    detail = {
        "source": "192.0.2.1",
        "disposition": "none",
        "reason": "local_policy",
        "dkim": False,
        "spf": False,
        "header_from": "<x>\x01&\u1ebf",
        "spf_domain": "",
        "spf_result": "none",
        "signatures": [["b.example", "s", "fail"]],
    }
    row = {"day": day_of(office.now()), "domain": "far.example", "digest": policy[-60:], "policy": policy}
    office.store.write(lambda tx: dmarc_outcomes.add(tx, {**row, "detail": json.dumps(detail)})).result()


def test_what_a_stranger_wrote_cannot_break_the_report(office, clock):
    count_dmarc(office)
    next_day(clock)
    Outside().reporter(office).run()
    ((_, octets, _),) = spooled(office)
    (read,) = find_reports(octets)
    assert read.rows[0]["header_from"] == "<x>?&?"
    assert read.rows[0]["reason"] == "local_policy"


@pytest.mark.parametrize(
    "rua, paths", [(["mailto:r@far.example!100"], []), (["mailto:r@far.example!100", "mailto:s@far.example"], ["s"])]
)
def test_who_takes_only_small_reports_gets_no_large_one(office, clock, rua, paths):
    count_dmarc(office, rua=rua)
    next_day(clock)
    Outside().reporter(office).run()
    assert [found for found, _, _ in spooled(office)] == ([[f"{each}@far.example" for each in paths]] if paths else [])
    assert left(office, dmarc_outcome) == 0


def test_who_makes_up_names_and_policies_gets_no_report_for_each(office, clock):
    for number in range(reporting.MOST_POLICIES + 3):
        count_dmarc(office, rua=[f"mailto:r{number}@far.example"])
    count_dmarc(office, rua=["mailto:often@far.example"])
    count_dmarc(office, rua=["mailto:often@far.example"])
    for number in range(reporting.MOST_DOMAINS + 3):
        count_tls(office, "", domain=f"x{number:03}.made-up.example")
    next_day(clock)
    names = (f"_smtp._tls.x{number:03}.made-up.example" for number in range(reporting.MOST_DOMAINS + 3))
    outside = Outside({(name, "TXT"): [b"v=TLSRPTv1; rua=mailto:r@made-up.example"] for name in names})
    outside.reporter(office).run()
    paths = [found for found, _, _ in spooled(office)]
    assert paths.count(["r@made-up.example"]) == reporting.MOST_DOMAINS
    assert len(paths) == reporting.MOST_DOMAINS + reporting.MOST_POLICIES
    assert ["often@far.example"] in paths
    assert (left(office, tls_outcome), left(office, dmarc_outcome)) == (0, 0)


def test_whoever_has_not_agreed_gets_no_report_and_one_who_is_silent_is_asked_again(office, clock):
    count_dmarc(office, rua=["mailto:v@victim.example"])
    next_day(clock)
    name = ("far.example._report._dmarc.victim.example", "TXT")
    Outside({name: Status.FAILED}).reporter(office).run()
    assert left(office, dmarc_outcome) == 1
    Outside().reporter(office).run()
    assert (spooled(office), left(office, dmarc_outcome)) == ([], 0)


def test_a_stranger_cannot_send_us_into_our_own_network():
    assert is_public("8.8.4.4")
    for address in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "fd00::1"):
        assert not is_public(address)


def test_the_steward_reports_by_itself(tmp_path, monkeypatch):
    name_server = NameServer({RPT: "NXDOMAIN"})
    path = tmp_path / "citymail.toml"
    city = {"domain": "city.vn", "hostname": "mail.city.vn"}
    sections = {"city": city, "storage": {"data": str(tmp_path)}, "dns": {"resolvers": [name_server.address]}}
    path.write_text(render(sections))
    install(load(path))
    system = build(load(path))
    monkeypatch.setattr(processes, "_REPORTING_SOON", 0.01)
    outcome = tls_outcomes.Outcome(day_of(system.office.now() - 2 * DAY), "far.example", "{}")
    system.store.write(lambda tx: tls_outcomes.add(tx, {outcome: 1})).result()
    ending = threading.Event()
    thread = threading.Thread(target=processes._keep_reporting, args=(system, ending))
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while left(system.office, tls_outcome) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left(system.office, tls_outcome) == 0
    finally:
        ending.set()
        thread.join()
        system.close()
        name_server.close()
