"""What a browser is told of the letters it keeps: the key of their writer, and which the server has."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailserver.message.headers import find_field
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall
from webmail.writing.letters import WINDOW_FIELD

WINDOW = "12-34"


def key_of(visitor: Visitor) -> str:
    found = re.search(r'name="letter-key" content="([^"]{44})"', visitor.page("/settings"))
    assert found is not None
    return found[1]


def windows(visitor: Visitor) -> list[str]:
    found: list[str] = visitor.get("/compose/arrived").get_json()["windows"]
    return found


def test_everybody_has_a_key_of_his_own_and_keeps_it(sign_in: Callable[[str], Visitor]) -> None:
    assert key_of(sign_in("an")) == key_of(sign_in("an"))
    assert key_of(sign_in("an")) != key_of(sign_in("binh"))


def test_a_draft_names_the_window_and_its_changes(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    an = sign_in("an")
    assert windows(an) == []
    an.post("/compose", {"action": "save", "subject": "một", "window": f"{WINDOW} 7"})
    assert windows(an) == [f"{WINDOW} 7"]
    [(uid, _, _)] = hall.rows("an", "Drafts")
    an.post("/compose", {"action": "save", "subject": "một", "window": f"{WINDOW} 9", "draft": str(uid)})
    assert windows(an) == [f"{WINDOW} 9"]
    assert windows(sign_in("binh")) == []
    an.post("/compose", {"action": "save", "subject": "hai", "window": f"{WINDOW} 9\r\nX-Evil: 1"})
    assert windows(an) == [f"{WINDOW} 9"]


def test_nobody_who_gets_the_letter_hears_of_it(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    an = sign_in("an")
    sent = an.post(
        "/compose",
        {"action": "send", "to": hall.address("binh"), "subject": "một", "text": "hai", "window": f"{WINDOW} 7"},
    )
    assert sent.headers["Location"] == f"/#sent={WINDOW}"
    [(uid, _, _)] = hall.rows("binh")
    assert find_field(hall.octets("binh", uid), WINDOW_FIELD) is None


def test_a_draft_that_is_opened_is_in_another_window(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    an = sign_in("an")
    an.post("/compose", {"action": "save", "subject": "một", "window": f"{WINDOW} 7"})
    [(uid, _, _)] = hall.rows("an", "Drafts")
    assert 'name="window" value=""' in an.page(f"/compose/{uid}")
    back = an.post("/compose", {"action": "send", "to": "", "subject": "một", "window": f"{WINDOW} 8"})
    assert f'name="window" value="{WINDOW} 8"' in back.text  # a fault: the same window goes on
