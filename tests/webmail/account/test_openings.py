"""Who opened my mailbox: the owner sees every hand but his own, and nobody else's page."""

from __future__ import annotations

from directory import record
from directory.administration.openings import openings
from directory.mail import account_changes
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall

HERE = "/settings/openings"


def test_nobody_but_the_owner(an: Visitor) -> None:
    assert "Không có ai ngoài bạn." in an.page(HERE)
    assert HERE in an.page("/settings")


def test_who_when_from_where_and_why(an: Visitor, hall: TownHall) -> None:
    owner = hall.account("an")
    with hall.services.directory.write(origin="10.1.2.3", reason="mất <b>khóa</b>") as conn:
        record.record(conn, "lan@x.vn", "mailbox.share", owner.login, to="khoa@x.vn", rights="lrs")
        record.record(conn, "lan@x.vn", "mailbox.lock", owner.login)
        record.record(conn, owner.login, "mailbox.share", owner.login, to="toi-chia@x.vn")
    page = an.page(HERE)
    assert "lan@x.vn" in page
    assert "khoa@x.vn" in page
    assert "10.1.2.3" in page
    assert "Lý do: mất &lt;b&gt;khóa&lt;/b&gt;" in page
    assert "Chia sẻ một thư mục cho người khác" in page
    # what he did himself, and what opens nothing, is not there
    assert "toi-chia@x.vn" not in page
    assert page.count("lan@x.vn") == 1


def test_of_others_nothing_is_told(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write(origin="10.1.2.3") as conn:
        account_changes.set_password(conn, "lan@x.vn", hall.account("binh").id, None)
    assert "lan@x.vn" not in an.page(HERE)
    with hall.services.directory.read() as conn:
        (found,) = openings(conn, hall.account("binh"))
    assert (found.actor, found.action) == ("lan@x.vn", "mailbox.passwd")
