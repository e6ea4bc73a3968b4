"""``citymail doctor`` at a whole server, with a name server that says what it is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from mailserver.cli import main
from mailserver.config import Config
from mailserver.delivery.own_sts import policy_of, record_of
from mailserver.doctor.policies import Fetched, judge_sts_policy
from mailserver.doctor.ports import Service, check_port, services_of
from mailserver.servers.https import HttpsFailed
from mailserver.servers.https_once import request_once
from security.authority import ensure_certificate
from security.mta_sts import WELL_KNOWN
from tests.live import DOMAIN, LiveServer
from tests.mailserver.servers.far_away import NameServer

HOST, STS_HOST = f"mail.{DOMAIN}", f"mta-sts.{DOMAIN}"


@pytest.fixture(scope="module")
def name_server():
    server = NameServer(
        {
            (".", "SOA"): ["a.root-servers.net. nstld.example. 1 1800 900 604800 86400"],
            (DOMAIN, "MX"): [f"10 {HOST}."],
            (HOST, "A"): ["8.8.4.4"],
            (HOST, "AAAA"): ["2001:4860:4860::8844"],
            ("4.4.8.8.in-addr.arpa", "PTR"): [f"{HOST}."],
            ("4.4.8.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.0.2.ip6.arpa", "PTR"): [f"{HOST}."],
            (DOMAIN, "TXT"): ['"v=spf1 mx -all"'],
            (f"_dmarc.{DOMAIN}", "TXT"): [f'"v=DMARC1; p=reject; rua=mailto:postmaster@{DOMAIN}"'],
            (f"_smtp._tls.{DOMAIN}", "TXT"): [f'"v=TLSRPTv1; rua=mailto:postmaster@{DOMAIN}"'],
            (STS_HOST, "A"): ["127.0.0.1"],
        },
        secure=(DOMAIN, "."),
    )
    yield server
    server.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory, name_server):
    folder = tmp_path_factory.mktemp("doctor")
    ensure_certificate(folder / "data" / "tls", [HOST, STS_HOST, DOMAIN], datetime.now(UTC))
    server = LiveServer(
        folder,
        settings={
            "dns": {"resolvers": [name_server.address], "timeout": 5},
            "mta_sts": {"mode": "enforce"},
            "relay": {"authorities": str(folder / "data" / "tls" / "ca.pem")},
        },
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def examined(live):
    def run(*arguments, status):
        environment = {"CITYMAIL_CONFIG": str(live.config_path), "CITYMAIL_LANG": "en"}
        done = CliRunner().invoke(main, ["doctor", *arguments], env=environment, catch_exceptions=False)
        assert done.exit_code == status, done.output
        return done.output

    return run


def test_what_is_wrong_is_said_with_what_to_do(examined, live, name_server):
    verdicts = json.loads(examined("--json", status=1))
    grades = {(each["topic"], each["subject"]): each["grade"] for each in verdicts}
    bad = {each["code"]: each for each in verdicts if each["grade"] == "bad"}
    # this machine's port 443 serves somebody else, or nobody
    assert set(bad) - {"disk.full"} == {"mta-sts.no-record", "mta-sts.unreachable"}
    for service in services_of(live.config):
        assert grades["port", f"{service.name} {service.port}"] == "good"
    codes = {each["code"] for each in verdicts if each["grade"] == "good"}
    assert codes >= {
        *("dns.validates", "mx.ours", "dnssec.signed", "reverse.ours", "spf.pass", "spf.closed", "dmarc.protects"),
        *("tls-rpt.right", "certificate.bears", "certificate.believed", "secret.kept"),
    }
    # what it says to publish is right once it is published
    (record,) = bad["mta-sts.no-record"]["records"]
    name_server.records[(f"_mta-sts.{DOMAIN}", "TXT")] = [record.split(" IN TXT ")[1]]
    (tlsa,) = next(each["records"] for each in verdicts if each["code"] == "dane.none")
    name_server.records[(f"_25._tcp.{HOST}", "TLSA")] = [tlsa.split(" IN TLSA ")[1]]
    codes = {each["code"] for each in json.loads(examined("--json", status=1))}
    assert codes >= {"mta-sts.record", "dane.right"}
    assert record_of(policy_of(live.config)) in record


def test_it_speaks_the_readers_language_and_shows_what_is_good_only_when_asked(examined):
    assert "chứng thư" in examined("--lang", "vi", "--all", status=1)
    assert "others believe it" in examined("--all", status=1)
    assert "others believe it" not in examined(status=1)


def test_the_policy_that_is_served_is_ours(live):
    https = live.ports["https"]
    answer = request_once(live.config, "GET", STS_HOST, WELL_KNOWN, port=https)
    assert (answer.status, answer.content_type) == (200, "text/plain")
    policy = policy_of(live.config)
    assert judge_sts_policy(DOMAIN, policy, Fetched(answer.body)).code == "mta-sts.policy"
    with pytest.raises(HttpsFailed):
        request_once(live.config, "GET", f"nowhere.{DOMAIN}", WELL_KNOWN, port=https)


def test_without_a_certificate_nobody_listens_for_tls():
    assert [each.name for each in services_of(Config())] == ["smtp", "submission", "imap"]


def test_a_port_that_is_not_as_it_should_be(live):
    smtp, http = live.ports["smtp"], live.ports["http"]
    for service, found in (
        (Service("smtp", smtp, "smtp"), "port.old-certificate"),
        (Service("imap", live.ports["imap"], "imap"), "port.old-certificate"),
        (Service("imaps", smtp, "tls"), "port.no-tls"),
        (Service("smtp", live.ports["imap"], "smtp"), "port.silent"),
        (Service("imap", http, "imap"), "port.silent"),
        (Service("imap", 1, "imap"), "port.silent"),
    ):
        assert check_port("127.0.0.1", service, b"another certificate").code == found, service
    # LMTP knows no EHLO, and so offers nothing
    assert check_port("127.0.0.1", Service("smtp", live.ports["lmtp"], "smtp"), None).code == "port.plain"
