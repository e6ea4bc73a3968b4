"""Pictures from elsewhere: asked for, or of a sender who is trusted and proven."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.webmail import town_hall
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter, raw
from webmail import create_app

SENDER = "tin@bao.example"
HTML = '<p>Tin</p><img src="https://pic.example/a.png">'


def news(dmarc: str = "pass", author: str = f"Tin <{SENDER}>") -> bytes:
    results = f"Authentication-Results: mail.thanhpho.example; dmarc={dmarc} header.from=bao.example\n" if dmarc else ""
    return raw(f"{results}From: {author}\nTo: an@thanhpho.example\nSubject: Tin\nContent-Type: text/html", HTML)


def open_page(an: Visitor, hall: TownHall, octets: bytes) -> tuple[str, str]:
    """The page, and the path of the message."""
    path = f"/mail/{hall.mailbox('an').id}/{hall.put('an', octets)}"
    return an.page(path), path


def test_they_are_off_until_asked_for(an: Visitor, hall: TownHall) -> None:
    page, path = open_page(an, hall, news())
    assert "Hiện ảnh" in page
    assert f'src="{path}/body"' in page
    assert "pic.example" not in an.page(f"{path}/body")
    assert f'src="{path}/body?pictures=1"' in an.page(f"{path}?pictures=1")
    body = an.get(f"{path}/body?pictures=1")
    assert 'src="/picture/' in body.get_data(as_text=True)
    assert "https://pic.example" not in body.get_data(as_text=True)
    policy = body.headers["Content-Security-Policy"]
    assert "/picture/" in policy
    assert " https: " not in policy


def test_a_sender_is_trusted_for_good(an: Visitor, hall: TownHall) -> None:
    page, _ = open_page(an, hall, news())
    assert "Luôn hiện từ người gửi này" in page
    an.post("/pictures", {"action": "trust", "address": SENDER.upper()})
    page, path = open_page(an, hall, news())
    assert f'src="{path}/body?pictures=1"' in page
    assert "Thôi không hiện nữa" in page
    assert SENDER in an.page("/settings")
    an.post("/pictures", {"action": "distrust", "address": SENDER})
    page, path = open_page(an, hall, news())
    assert f'src="{path}/body"' in page


@pytest.mark.parametrize(
    "octets", [news("fail"), news("none"), news(""), news(author=f"Tin <{SENDER}>, B <b@bao.example>")]
)
def test_only_where_the_sender_is_proven(an: Visitor, hall: TownHall, octets: bytes) -> None:
    an.post("/pictures", {"action": "trust", "address": SENDER})
    page, path = open_page(an, hall, octets)
    assert f'src="{path}/body"' in page
    assert "Hiện ảnh" in page
    assert "Luôn hiện từ người gửi này" not in page


def test_colleagues_are_proven_by_the_city(an: Visitor, hall: TownHall) -> None:
    an.post("/pictures", {"action": "trust", "address": f"binh@{hall.domain}"})
    page, path = open_page(an, hall, letter(html=HTML))
    assert f'src="{path}/body?pictures=1"' in page


@pytest.mark.parametrize("address", ["", "x", "@x", "x@", "x" * 400 + "@a.example"])
def test_what_is_no_address_is_not_trusted(an: Visitor, address: str) -> None:
    assert an.ask("/pictures", {"action": "trust", "address": address}).status_code == 422


def test_where_the_city_wants_none_there_are_none(tmp_path: Path) -> None:
    hall = town_hall.build(tmp_path, webmail={"remote_pictures": False})
    try:
        an = Visitor(create_app(hall.services), hall).sign_in("an")
        page, path = open_page(an, hall, news())
        assert "Hiện ảnh" not in page
        assert "/picture/" not in an.page(f"{path}/body?pictures=1")
    finally:
        hall.close()
