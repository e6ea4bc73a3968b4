"""Files sent as links: kept, fetched by whoever has the link, counted, ended; and nobody else's business."""

from __future__ import annotations

import io
import os
import re
import time
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from directory.mail import account_changes
from directory.tables import account as account_table
from mailserver.config import Scanners
from mailserver.scanning.asking import Panel
from mailserver.store import links, quota
from mailserver.store.blobs import ORPHAN_AGE
from tests.mailserver.scanning.test_panel import clamd_says, listening
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from webmail import create_app
from webmail.services import LOOK_UPS_AT_ONCE

DAY = 86_400
OCTETS = os.urandom(400_000)  # more than a letter may hold there


def draft(visitor: Visitor, **values: str) -> str:
    visitor.get("/compose")
    answer = visitor.post("/compose", {"action": "link", "text": "Kính gửi chị\n\n-- \nAn", "author": "", **values})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    place = answer.headers["Location"]
    assert place.startswith("/links?draft=")
    visitor.page(place)
    return place.rpartition("=")[2]


def upload(visitor: Visitor, number: str, octets: bytes = OCTETS, name: str = "../Bản đồ.zip") -> Any:
    return visitor.post("/links", {"draft": number, "file": (io.BytesIO(octets), name)})


def link(visitor: Visitor, octets: bytes = OCTETS, name: str = "../Bản đồ.zip") -> str:
    answer = upload(visitor, draft(visitor), octets, name)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    page = unescape(visitor.page(answer.headers["Location"]))
    found = re.search(r"http://localhost(/files/[\w-]{43})\n", page)
    assert found, page
    assert page.index("Kính gửi chị") < found.start() < page.index("-- \nAn")
    return found[1]


@pytest.fixture
def stranger(app: Flask, hall: TownHall) -> Visitor:
    return Visitor(app, hall)


def test_a_stranger_fetches_it_and_that_is_counted(an: Visitor, stranger: Visitor, hall: TownHall) -> None:
    path = link(an)
    answer = stranger.get(path, buffered=True)
    assert answer.get_data() == OCTETS
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Disposition"].endswith("B%E1%BA%A3n%20%C4%91%E1%BB%93.zip")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    head = stranger.client.head(path)
    assert (head.status_code, head.content_length, head.get_data()) == (200, len(OCTETS), b"")
    with hall.services.store.read() as conn:
        [kept] = links.links_of(conn, hall.account("an").id)
    assert (kept.downloads, kept.size) == (1, len(OCTETS))
    assert path.rpartition("/")[2] not in repr(kept)  # only its digest is kept
    assert stranger.get(path[:-1] + "_").status_code == 404
    assert stranger.get("/files/" + kept.id).status_code == 404
    assert stranger.get("/links").status_code == 303  # to sign in


def test_it_ends_by_its_owners_hand_alone(an: Visitor, stranger: Visitor, hall: TownHall, app: Flask) -> None:
    path = link(an)
    with hall.services.store.read() as conn:
        [kept] = links.links_of(conn, hall.account("an").id)
    binh = Visitor(app, hall).sign_in("binh")
    assert "Bản đồ.zip" not in binh.page("/links")
    binh.post("/links", {"end": kept.id})
    assert stranger.get(path, buffered=True).status_code == 200
    assert "Bản đồ.zip" in an.page("/links")
    assert an.get(f"/links?end={kept.id}").status_code == 200  # no GET changes anything
    assert stranger.get(path, buffered=True).status_code == 200
    assert an.post("/links", {"end": kept.id}).status_code == 303
    assert stranger.get(path, buffered=True).status_code == 404
    assert "Bản đồ.zip" not in an.page("/links")


def test_it_ends_at_its_time_and_its_file_goes(an: Visitor, stranger: Visitor, hall: TownHall) -> None:
    path, again = link(an), link(an)
    store = hall.services.store
    [digest] = {each.digest for each in _kept(hall)}
    store.housekeep()
    assert stranger.get(again, buffered=True).status_code == 200
    hall.clock.pass_by(14 * DAY + 1)
    assert stranger.get(path, buffered=True).status_code == 404
    assert store.write(lambda tx: links.sweep(tx, int(hall.clock()))).result(30) == 2
    assert _kept(hall) == []
    os.utime(store.blobs.path(digest), (0, 0))
    assert store.housekeep()["files"] >= 1
    assert not store.blobs.path(digest).exists()


def test_a_file_that_is_linked_is_not_swept(an: Visitor, stranger: Visitor, hall: TownHall) -> None:
    path = link(an)
    [kept] = _kept(hall)
    os.utime(hall.services.store.blobs.path(kept.digest), (0, 0))
    hall.clock.pass_by(ORPHAN_AGE + 1)
    hall.services.store.housekeep()
    assert stranger.get(path, buffered=True).get_data() == OCTETS


def test_it_counts_in_the_quota(an: Visitor, hall: TownHall) -> None:
    owner = hall.account("an").id
    link(an)
    with hall.services.store.read() as conn:
        used = quota.usage(conn, owner).size
        assert used > len(OCTETS)
        assert owner in quota.using_more_than(conn, len(OCTETS))
    with hall.services.directory.write() as conn:
        conn.execute(account_table.update().where(account_table.c.id == owner).values(quota_bytes=used + 100_000))
    answer = upload(an, draft(an))
    assert answer.status_code == 409
    assert len(_kept(hall)) == 1


def test_it_ends_with_the_account(an: Visitor, stranger: Visitor, hall: TownHall) -> None:
    path = link(an)
    with hall.services.directory.write() as conn:
        account_changes.lock(conn, "test", hall.account("an").id)
    assert stranger.get(path, buffered=True).status_code == 404


def test_there_is_a_largest_and_there_may_be_none(hall: TownHall) -> None:
    config = hall.services.config
    for most, status in ((1000, 409), (0, 409)):
        changed = replace(config, webmail=replace(config.webmail, link_size=most))
        given = replace(hall.services, config=changed, office=replace(hall.services.office, config=changed))
        visitor = Visitor(create_app(given), hall).sign_in("an")
        assert ("/links" in visitor.page("/compose")) is False
        assert ('value="link"' in visitor.page("/compose")) is (most > 0)
        number = draft(visitor)
        assert upload(visitor, number, b"x" * 1001).status_code == status
    assert _kept(hall) == []
    assert list(hall.services.store.blobs.incoming.iterdir()) == []


def test_a_full_disk_is_said(an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    number = draft(an)
    nowhere = hall.services.store.blobs.folder / "nowhere" / "x"
    monkeypatch.setattr(type(hall.services.store.blobs), "new_file", lambda _self: nowhere)
    assert upload(an, number).status_code == 409
    assert _kept(hall) == []


def test_without_a_letter_or_a_file_there_is_no_link(an: Visitor, hall: TownHall) -> None:
    assert upload(an, "999").status_code == 404
    number = draft(an)
    assert an.post("/links", {"draft": number}).status_code == 422
    assert _kept(hall) == []


def test_so_many_and_no_more(an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST", 1)
    link(an)
    assert upload(an, draft(an)).status_code == 409


def ask(stranger: Visitor, path: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return stranger.client.get(path, headers=named, buffered=True)


@pytest.mark.parametrize(
    ("wanted", "first", "after"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, 400_000), ("bytes=-50", 399_950, 400_000), ("bytes=7-7", 7, 8),
     ("bytes=399999-500000", 399_999, 400_000)],
)  # fmt: skip
def test_a_download_goes_on_where_it_was_broken_off(
    an: Visitor, stranger: Visitor, hall: TownHall, wanted: str, first: int, after: int
) -> None:
    path = link(an)
    answer = ask(stranger, path, Range=wanted)
    assert answer.status_code == 206
    assert answer.get_data() == OCTETS[first:after]
    assert answer.headers["Content-Range"] == f"bytes {first}-{after - 1}/400000"
    assert answer.content_length == after - first
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert _kept(hall)[0].downloads == (first == 0)


def test_a_range_of_another_file_is_the_whole_one(an: Visitor, stranger: Visitor) -> None:
    path = link(an)
    whole = ask(stranger, path)
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    etag = whole.headers["ETag"]
    assert ask(stranger, path, Range="bytes=5-9", If_Range=etag).get_data() == OCTETS[5:10]
    odd = [{"If_Range": '"another"'}, {"If_Range": "Mon, 23 Nov 2026 08:00:00 GMT"}]
    for answer in [ask(stranger, path, Range="bytes=5-9", **each) for each in odd] + [
        ask(stranger, path, Range=each) for each in ("bytes=0-1,5-9", "lines=1-2", "bytes=x", "bytes=9-5", "")
    ]:
        assert (answer.status_code, answer.get_data()) == (200, OCTETS)
    beyond = ask(stranger, path, Range="bytes=400000-")
    assert (beyond.status_code, beyond.headers["Content-Range"], beyond.get_data()) == (416, "bytes */400000", b"")
    same = ask(stranger, path, If_None_Match=etag)
    assert (same.status_code, same.get_data()) == (304, b"")
    head = stranger.client.head(path, headers={"Range": "bytes=0-9"})  # RFC 9110 §14.2: of a GET alone
    assert (head.status_code, head.content_length, head.headers["ETag"]) == (200, len(OCTETS), etag)


def test_an_empty_file_is_fetched_too(an: Visitor, stranger: Visitor) -> None:
    path = link(an, b"")
    assert ask(stranger, path).status_code == 200
    assert ask(stranger, path, Range="bytes=0-").status_code == 200


def test_who_guesses_is_slowed_down_and_who_knows_is_not(an: Visitor, stranger: Visitor) -> None:
    path = link(an)
    answers = [stranger.get(f"/files/{number:043}").status_code for number in range(LOOK_UPS_AT_ONCE + 5)]
    assert set(answers[:LOOK_UPS_AT_ONCE]) == {404}
    assert answers[-1] == 429
    assert ask(stranger, path).status_code == 200


@pytest.mark.parametrize(
    ("says", "status", "told"),
    [
        (b"stream: OK\0", 303, ""),
        (b"stream: Evil FOUND\0", 409, "có nội dung gây hại"),
        (b"INSTREAM size limit exceeded. ERROR\0", 409, "Hiện chưa thực hiện được"),
    ],
)
@pytest.mark.parametrize("on_virus", ["refuse", "quarantine"])
def test_a_scanner_looks_before_anybody_can_fetch(
    hall: TownHall, tmp_path: Path, says: bytes, status: int, told: str, on_virus: str
) -> None:
    with listening(tmp_path / "clamd", clamd_says(says)) as calls, listening(tmp_path / "rspamd", clamd_says(b"")):
        scanners = Scanners(
            clamav=str(tmp_path / "clamd"), rspamd=str(tmp_path / "rspamd"), on_virus=on_virus, own_mail=True
        )
        panel = Panel(scanners, our_name="mail.test.example", monotonic=time.monotonic)
        config = replace(hall.services.config, scanners=scanners)
        office = replace(hall.services.office, panel=panel, config=config)
        visitor = Visitor(create_app(replace(hall.services, office=office, config=config)), hall).sign_in("an")
        answer = upload(visitor, draft(visitor))
    assert answer.status_code == status
    assert told in answer.get_data(as_text=True)
    assert len(calls) == 1
    assert len(_kept(hall)) == (status == 303)


def _kept(hall: TownHall) -> list[links.Link]:
    with hall.services.store.read() as conn:
        return links.links_of(conn, hall.account("an").id)


# -- with a password


def guarded(visitor: Visitor, password: str = "trời mưa to") -> str:
    form = {"draft": draft(visitor), "file": (io.BytesIO(OCTETS), "Bản đồ.zip"), "password": password}
    answer = visitor.post("/links", form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    page = unescape(visitor.page(answer.headers["Location"]))
    assert "có mật khẩu" in page
    assert password not in page
    found = re.search(r"http://localhost(/files/[\w-]{43})\n", page)
    assert found
    return found[1]


def test_a_password_is_asked_for_once(an: Visitor, stranger: Visitor, hall: TownHall) -> None:
    place = guarded(an)
    for page in (stranger.get(place), stranger.post(place, {"password": "trời nắng to"})):
        assert OCTETS[:100] not in page.data
        assert "Bản đồ.zip" in page.get_data(as_text=True)
    assert stranger.post(place, {"password": "trời mưa to"}).headers["Location"] == place
    with stranger.get(place) as whole, stranger.get(place, headers={"Range": "bytes=1000-"}) as rest:
        assert whole.data == OCTETS
        assert (rest.status_code, rest.data) == (206, OCTETS[1000:])
    with hall.services.store.read() as conn:
        (kept,) = links.links_of(conn, hall.account("an").id)
    assert kept.password_hash.startswith("$argon2id$")
    assert kept.password_hash not in repr(kept)


def test_another_browser_is_asked_again_and_guessing_is_slow(
    app: Flask, an: Visitor, stranger: Visitor, hall: TownHall, caplog: pytest.LogCaptureFixture
) -> None:
    place = guarded(an)
    other = Visitor(app, hall)
    stranger.get(place)
    stranger.post(place, {"password": "trời mưa to"})
    assert other.get(place).data != OCTETS
    for _ in range(30):
        refused = other.post(place, {"password": "sai"})
        assert refused.status_code == 403
        if "quá nhiều lần" in refused.get_data(as_text=True):
            break
    else:
        pytest.fail("nobody slows who guesses")
    assert "wrong password" in caplog.text


def test_a_password_that_is_too_short_is_told(an: Visitor, hall: TownHall) -> None:
    form = {"draft": draft(an), "file": (io.BytesIO(OCTETS), "a.zip"), "password": "ngan"}
    assert an.post("/links", form).status_code == 422
    with hall.services.store.read() as conn:
        assert links.links_of(conn, hall.account("an").id) == []
