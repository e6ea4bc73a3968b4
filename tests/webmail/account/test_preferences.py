"""How somebody likes his pages is kept with the person: how wide the panes are, whether letters are shortcuts."""

from __future__ import annotations

from collections.abc import Callable

from tests.webmail.conftest import Visitor


def inbox(visitor: Visitor) -> str:
    return visitor.client.get("/", follow_redirects=True).text


def test_a_width_is_kept_and_shown(sign_in: Callable[[str], Visitor]) -> None:
    an = sign_in("an")
    assert 'data-list-width="37"' in inbox(an)
    assert an.post("/settings/widths", {"name": "list-width", "width": "50"}).status_code == 204
    assert 'data-list-width="50"' in inbox(sign_in("an"))
    assert 'aria-valuenow="50"' in inbox(an)
    assert 'data-list-width="37"' in inbox(sign_in("binh"))


def test_what_is_no_width_is_refused(sign_in: Callable[[str], Visitor]) -> None:
    an = sign_in("an")
    for name, width in (("list-width", "24"), ("list-width", "50%"), ("undo_send", "5"), ("", "")):
        assert an.post("/settings/widths", {"name": name, "width": width}).status_code == 400


def test_shortcuts_are_switched_off_and_on(sign_in: Callable[[str], Visitor]) -> None:
    an = sign_in("an")
    assert 'data-shortcuts="on"' in inbox(an)
    an.post("/settings/shortcuts", {"shortcuts": "off"})
    assert 'data-shortcuts="off"' in inbox(sign_in("an"))
    assert 'data-shortcuts="on"' in inbox(sign_in("binh"))
    an.post("/settings/shortcuts", {"shortcuts": "on"})
    assert 'data-shortcuts="on"' in inbox(an)
    assert an.post("/settings/shortcuts", {"shortcuts": "perhaps"}).status_code == 400
