"""Web sessions: begun, found, used, ended."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from directory.mail import account_changes
from directory.signing_in import sessions
from directory.staff import leaving
from directory.staff.intake import Joined
from directory.tables import web_session
from tests.directory.conftest import City, Clock


@pytest.fixture
def an(any_city: City) -> Joined:
    with any_city.directory.write() as conn:
        return any_city.join(conn, "Nguyễn Văn An")


def start(city: City, an: Joined, agent: str = "Firefox") -> str:
    with city.directory.write() as conn:
        return sessions.start(conn, an.account_id, agent, "192.0.2.1")


def found(city: City, token: str) -> bool:
    with city.directory.read() as conn:
        return sessions.find(conn, token) is not None


def test_a_session_is_found_by_its_token_only(any_city: City, an: Joined) -> None:
    token = start(any_city, an)
    assert len(token) == 64
    with any_city.directory.read() as conn:
        session = sessions.find(conn, token)
        assert session is not None
        assert (session.account_id, session.user_agent, session.client) == (an.account_id, "Firefox", "192.0.2.1")
        stored = conn.execute(select(web_session.c.token_hash)).scalars().all()
    assert token not in stored
    for other in ("", token[:-1], token.upper() + "x", stored[0], "\ud800"):
        assert not found(any_city, other)


def test_a_session_ends_by_idling(any_city: City, an: Joined, clock: Clock) -> None:
    token = start(any_city, an)
    clock.advance(sessions.IDLE_SECONDS)
    assert found(any_city, token)
    clock.advance(1)
    assert not found(any_city, token)


def test_use_prolongs_it_but_not_beyond_the_day(any_city: City, an: Joined, clock: Clock) -> None:
    token = start(any_city, an)
    for _ in range(24):
        clock.advance(sessions.IDLE_SECONDS - 1)
        with any_city.directory.read() as conn:
            session = sessions.find(conn, token)
            assert session is not None
            assert sessions.needs_touch(session, conn.now)
        with any_city.directory.write() as conn:
            sessions.touch(conn, session)
            renewed = sessions.find(conn, token)
        assert renewed is not None
        assert not sessions.needs_touch(renewed, int(clock()))
    clock.advance(100)
    assert not found(any_city, token)


def test_ending(any_city: City, an: Joined) -> None:
    first, second, third = (start(any_city, an, name) for name in ("a", "b", "c"))
    with any_city.directory.write() as conn:
        sessions.end(conn, first)
    assert [found(any_city, token) for token in (first, second, third)] == [False, True, True]
    with any_city.directory.read() as conn:
        assert {session.user_agent for session in sessions.sessions_of(conn, an.account_id)} == {"b", "c"}
    with any_city.directory.write() as conn:
        assert sessions.end_all(conn, an.account_id, but=third) == 1
    assert [found(any_city, token) for token in (second, third)] == [False, True]


def test_a_lock_a_leave_and_a_new_password_end_them(any_city: City, an: Joined) -> None:
    for change in (
        lambda conn: account_changes.set_password(conn, "test", an.account_id, "!"),
        lambda conn: account_changes.lock(conn, "test", an.account_id),
        lambda conn: leaving.leave(conn, "test", an.account_id, last_day="2026-03-01"),
    ):
        token = start(any_city, an)
        with any_city.directory.write() as conn:
            change(conn)
        assert not found(any_city, token)


def test_the_dead_are_swept(any_city: City, an: Joined, clock: Clock) -> None:
    start(any_city, an)
    clock.advance(sessions.IDLE_SECONDS + 1)
    live = start(any_city, an)
    with any_city.directory.write() as conn:
        assert sessions.sweep(conn) == 1
        assert len(sessions.sessions_of(conn, an.account_id)) == 1
    assert found(any_city, live)


def test_long_headers_do_not_matter(any_city: City, an: Joined) -> None:
    token = start(any_city, an, "x" * 10_000)
    assert found(any_city, token)
