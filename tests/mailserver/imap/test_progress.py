"""Signs of life of long searches (RFC 9585 §4), and that a client which left ends them."""

from __future__ import annotations

import re

from mailserver.imap import finding
from mailserver.imap.progress import NOTICE, TURN, Progress
from mailserver.imap.steps import Pause
from tests.mailserver.imap.talk import Direct


def test_notices_and_turns(services, clock):
    progress = Progress(services, b't"1', goal=100)
    assert list(progress.step(10)) == []
    clock.pass_by(TURN)
    assert list(progress.step(10)) == [Pause(0)]
    clock.pass_by(NOTICE)
    assert list(progress.step(10)) == [b'* OK [INPROGRESS ("t\\"1" 30 100)] Still at it\r\n', Pause(0)]
    assert list(progress.step(10)) == []
    clock.pass_by(NOTICE)
    # What turns out to be more than was thought has no goal any more: the goal must lie ahead, and may not move.
    assert list(progress.step(60)) == [b'* OK [INPROGRESS ("t\\"1" 100 NIL)] Still at it\r\n', Pause(0)]


def test_a_tag_with_a_bracket_is_not_told(services, clock):
    """RFC 9585 §4: it must be NIL then."""
    progress = Progress(services, b"t]1", goal=100)
    clock.pass_by(NOTICE)
    assert list(progress.step(1)) == [b"* OK [INPROGRESS (NIL 1 100)] Still at it\r\n", Pause(0)]


def test_a_long_search_says_that_it_goes_on(services, clock, monkeypatch):
    monkeypatch.setattr(finding, "BATCH", 2)
    client = Direct(services).log_in()
    for _ in range(7):
        client.append(b"X-Mark: a\r\n\r\nb\r\n")
    client.ok("SELECT INBOX")
    look_into = finding._Finder.look_into

    def slowly(finder, uids):
        clock.pass_by(NOTICE / 2)
        return look_into(finder, uids)

    monkeypatch.setattr(finding._Finder, "look_into", slowly)
    *notices, found, _ = client.ask("SEARCH HEADER X-Mark a")
    assert found == "* SEARCH 1 2 3 4 5 6 7"
    told = [re.fullmatch(r'\* OK \[INPROGRESS \("t" (\d+) (7|NIL)\)\] Still at it', line) for line in notices]
    assert [each.groups() for each in told] == [("4", "7"), ("7", "NIL")]
    assert len(client.paused) == 4
    client.close()


def test_a_client_that_left_ends_its_search(services, clock, monkeypatch):
    """The shell closes the steps while they pause: nothing is looked into any more."""
    monkeypatch.setattr(finding, "BATCH", 1)
    client = Direct(services).log_in()
    for _ in range(5):
        client.append(b"X-Mark: a\r\n\r\nb\r\n")
    client.ok("SELECT INBOX")
    looked = []
    monkeypatch.setattr(
        finding._Finder, "look_into", lambda finder, uids: (looked.append(uids), clock.pass_by(TURN), [])[-1]
    )
    from mailserver.imap.dispatch import handle
    from mailserver.imap.grammar.framing import Framed

    steps = handle(client.session, Framed(b"t SEARCH HEADER X-Mark a", []))
    step = next(steps)
    while not isinstance(step, Pause):
        step = next(steps)
    steps.close()
    assert looked == [[1]]
    client.close()
