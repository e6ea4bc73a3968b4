"""What the steward does for certificates, look by look; and what it fetches from where."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from directory.pki import certificates, enrolment, fetched_crls, issuers, ocsp_responders
from directory.pki.certificates import SIGNING
from directory.pki.fetched_crls import FetchFault
from directory.tables import account, certificate
from mailserver.certifying import Keeper, fetcher, folder_of, practice_of, responder_key
from mailserver.config import Config
from mailserver.key_process import (
    build,
    build_vault,
    installation_key_of,
    key_process,
    make_installation_key,
    socket_path,
)
from mailserver.servers.keys import KeyServer
from security.authority.key_kinds import KeyFault
from security.keys.wire import Refusal
from tests.directory.authorities import Pki, found_pki
from tests.directory.conftest import Clock
from tests.mailserver.servers.far_away import NameServer
from tests.webmail import town_hall
from tests.webmail.town_hall import TownHall


def no_fetch(url: str) -> bytes:
    raise FetchFault(url)


@pytest.fixture
def hall(tmp_path: Path) -> TownHall:
    return town_hall.build(tmp_path, pki={"host": "pki.city.gov.vn", "enrol": True, "key": "p256"})


@pytest.fixture
def pki(hall: TownHall) -> Pki:
    folder = hall.services.config.data / "pki"
    return installed(hall, folder)


@pytest.fixture(autouse=True)
def key_server(hall: TownHall) -> Iterator[KeyServer]:
    key = installation_key_of(config_of(hall), hall.services.directory)
    server = build(build_vault(config_of(hall), hall.services.directory, key), socket_path(config_of(hall)))
    running = threading.Thread(target=server.run)
    running.start()
    yield server
    server.end()
    running.join()


def installed(hall: TownHall, folder: Path) -> Pki:
    """As ``citymail ca`` would leave it."""
    pki = found_pki(hall.services.directory, folder)
    (folder / "passphrase").write_bytes(pki.safe.passphrase)
    make_installation_key(hall.services.config)
    return pki


def keeper(hall: TownHall, clock: Clock) -> Keeper:
    return Keeper(
        config_of(hall), hall.services.directory, key_process(config_of(hall)), no_fetch, clock, lambda: False
    )


def config_of(hall: TownHall) -> Config:
    return hall.services.config


def counted(hall: TownHall) -> dict[tuple[str, str], int]:
    with hall.services.directory.read() as conn:
        return {(purpose, state): count for purpose, state, count in issuers.count_certificates(conn)}


def test_one_look_founds_everything_and_the_next_finds_nothing_to_do(hall: TownHall, pki: Pki) -> None:
    mine = keeper(hall, Clock(0.0))
    mine.look()
    directory = hall.services.directory
    with directory.read() as conn:
        row = issuers.active_issuer(conn)
        full, delta = (issuers.crl_of(conn, row.id, kind) for kind in (issuers.FULL, issuers.DELTA))
        assert full is not None
        assert delta is not None
        assert list(ocsp_responders.responders(conn, responder_key(hall.services.config))) == [row.id]
        accounts = {found for (found,) in conn.execute(select(account.c.id).where(account.c.status == "active"))}
    first = counted(hall)
    assert first[SIGNING, "active"] == len(accounts)
    mine.look()
    assert counted(hall) == first
    with directory.read() as conn:
        again = issuers.crl_of(conn, row.id, issuers.DELTA)
        assert again is not None
        assert again.number == delta.number
        (one,) = certificates.holding(conn, min(accounts), SIGNING)
    with directory.write() as conn:
        certificates.revoke(conn, "test", [one], "key-compromise")
    mine.look()
    with directory.read() as conn:
        again = issuers.crl_of(conn, row.id, issuers.DELTA)
        assert again is not None
        assert again.number > delta.number
    # who lost his gets another, and the list tells of the first
    assert counted(hall) == first | {(SIGNING, "revoked"): 1}


def test_lists_and_leavers_wait_for_no_newcomer(hall: TownHall, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """A city is enrolled in hours, in stretches between which all else is looked at."""
    monkeypatch.setattr(enrolment, "_LOT", 1)
    clock = Clock(0.0)

    def hours() -> float:
        clock.advance(100.0)
        return clock.now

    mine = Keeper(
        config_of(hall), hall.services.directory, key_process(config_of(hall)), no_fetch, hours, lambda: False
    )
    directory = hall.services.directory
    mine.look()
    with directory.read() as conn:
        everybody = conn.execute(select(func.count()).where(account.c.status == "active")).scalar_one()
    done = counted(hall)[SIGNING, "active"]
    assert 0 < done < everybody
    with directory.write() as conn:
        chosen = select(certificate.c.account_id).where(certificate.c.purpose == SIGNING).limit(1)
        left = conn.execute(chosen).scalar_one()
        conn.execute(update(account).where(account.c.id == left).values(status="closed"))
    mine.look()
    assert counted(hall)[SIGNING, "revoked"] == 1
    for _ in range(everybody):
        mine.look()
    assert counted(hall)[SIGNING, "active"] == everybody - 1


def test_a_root_without_issuer_or_a_lost_passphrase_is_told_and_harms_nobody(
    hall: TownHall, caplog: pytest.LogCaptureFixture
) -> None:
    keeper(hall, Clock(0.0)).look()
    assert "no certificate authority yet" in caplog.text
    pki = installed(hall, hall.services.config.data / "pki")
    (pki.safe.folder / "passphrase").write_text("wrong")
    keeper(hall, Clock(0.0)).look()
    assert "cannot be opened" in caplog.text
    assert counted(hall) == {}


def test_a_wrapping_key_that_was_lost_is_told_and_not_made_up(hall: TownHall, pki: Pki) -> None:
    keeper(hall, Clock(0.0)).look()
    path = config_of(hall).data / "wrapping.key"
    path.unlink()
    key = installation_key_of(config_of(hall), hall.services.directory)
    with pytest.raises(KeyFault, match=r"wrapping\.key"):
        key.wrap(b"a secret")
    assert not path.exists()
    make_installation_key(config_of(hall))  # somebody helps himself
    with pytest.raises(KeyFault, match="wrapped under another key"):
        key.wrap(b"a secret")


def test_without_the_key_process_nobody_is_enrolled_and_lists_are_made(
    hall: TownHall, pki: Pki, key_server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    key_server.end()
    while not isinstance(key_process(config_of(hall)).ask("close", b""), Refusal):
        pass
    keeper(hall, Clock(0.0)).look()
    assert "the key process makes no keys: away" in caplog.text
    assert counted(hall) == {("ocsp", "active"): 1}
    with hall.services.directory.read() as conn:
        assert issuers.crls_due(conn) == []


def test_a_responders_key_that_was_lost_is_replaced(hall: TownHall, pki: Pki) -> None:
    keeper(hall, Clock(0.0)).look()
    (folder_of(hall.services.config) / "responder.key").unlink()
    directory = hall.services.directory
    with directory.read() as conn:
        assert ocsp_responders.responders(conn, responder_key(hall.services.config)) == {}
    keeper(hall, Clock(0.0)).look()
    with directory.read() as conn:
        assert len(ocsp_responders.responders(conn, responder_key(hall.services.config))) == 1


def test_nobody_is_enrolled_unless_the_configuration_says_so(tmp_path: Path) -> None:
    hall = town_hall.build(tmp_path, pki={"host": "pki.city.gov.vn"})
    folder = hall.services.config.data / "pki"
    installed(hall, folder)
    keeper(hall, Clock(0.0)).look()
    assert (SIGNING, "active") not in counted(hall)


def test_certificates_are_renewed_in_their_second_half_at_the_earliest() -> None:
    config = Config()
    short = replace(config, pki=replace(config.pki, days=30, renew_days=60))
    assert practice_of(short).renew_days == 15
    assert practice_of(config).renew_days == 60


class _Lists(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved.crl":
            self.send_response(302)
            self.send_header("Location", "/list.crl")
            self.end_headers()
            return
        body = b"a list" if self.path == "/list.crl?of=1" else b"x" * (fetched_crls.LARGEST + 1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_lists_are_fetched_from_where_we_may_go_alone(tmp_path: Path) -> None:
    lists = HTTPServer(("127.0.0.1", 0), _Lists)
    names = NameServer({("crl.city.example", "A"): ["127.0.0.1"], ("crl.other.example", "A"): ["127.0.0.1"]})
    serving = threading.Thread(target=lists.serve_forever)
    serving.start()
    try:
        config = Config()
        config = replace(
            config,
            dns=replace(config.dns, resolvers=(names.address,), timeout=5),
            pki=replace(config.pki, fetch_hosts=("crl.city.example",)),
        )
        fetch = fetcher(config)
        base = f"http://crl.city.example:{lists.server_port}"
        assert fetch(f"{base}/list.crl?of=1") == b"a list"
        for url, why in (
            (f"http://crl.other.example:{lists.server_port}/list.crl?of=1", "where we do not go"),
            (f"http://127.0.0.1:{lists.server_port}/list.crl?of=1", "."),
            (f"{base}/moved.crl", "answers 302"),
            (f"{base}/huge.crl", "more than"),
            ("ftp://crl.city.example/list.crl", "no URL"),
            ("http://user@crl.city.example/list.crl", "no URL"),
            ("http://[broken/list.crl", "no URL"),
            ("http:///list.crl", "no URL"),
        ):
            with pytest.raises(FetchFault, match=why):
                fetch(url)
    finally:
        lists.shutdown()
        serving.join()
        lists.server_close()
        names.close()
