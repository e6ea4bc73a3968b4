"""The twelve things that officials do all day, each in each of the four ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.tasks import finding, reading, settings, writing
from tests.browser.tasks.ways import WAYS, Task, Way
from tests.webmail.certified_hall import certified_hall
from tests.webmail.town_hall import LiveWebmail, TownHall

pytestmark = pytest.mark.browser

TASKS: dict[str, Task] = {
    "sign in, and out": reading.come_and_go,
    "find and read new mail": reading.read_new_mail,
    "reply": writing.reply,
    "write to colleagues found by name and by unit, with an attachment": writing.write_to_colleagues,
    "forward": writing.forward,
    "archive, move, delete, undo": reading.keep_order,
    "search by operators and by the form, and save the search": finding.search,
    "star, label, put off": reading.mark_and_put_off,
    "look at an attachment, and download it": reading.look_at_attachments,
    "restore a deleted message": reading.have_it_back,
    "sign and encrypt, and check a signature": writing.sign_and_encrypt,
    "signature, password, two steps, app password, other sessions": settings.settle_ones_affairs,
}


@pytest.fixture
def webmail(tmp_path: Path) -> Iterator[LiveWebmail]:
    """Everybody has certificates here."""
    with certified_hall(tmp_path) as authorities:
        live = LiveWebmail(authorities.hall)
        yield live
        live.close()


def test_there_are_twelve_tasks_and_four_ways() -> None:
    assert (len(TASKS), len(WAYS)) == (12, 4)


@pytest.mark.parametrize("way", WAYS, ids=[each.name for each in WAYS])
@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_task(
    task: Task, way: type[Way], sign_in: Callable[..., Page], hall: TownHall, expected_complaints: list[str]
) -> None:
    traveller = way(sign_in(**way.settings))
    task(traveller, hall)
    traveller.end()
