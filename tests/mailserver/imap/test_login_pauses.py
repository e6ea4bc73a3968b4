"""A login that strangers guess at makes them wait before they are judged, and holds nothing while they do."""

from __future__ import annotations

from directory.signing_in.sasl_login import Wait, admit
from security.peer import Peer
from security.sasl import Credentials
from security.throttle import FREE_PER_LOGIN
from tests.mailserver.imap.talk import LOGIN, Direct, make_services
from tests.mailserver.mailroom import PASSWORD

GUESSES = FREE_PER_LOGIN + 15


def guessed_at(make_office):
    services = make_services(make_office(login={"never_slowed": ()}))
    for number in range(GUESSES):
        services.gate._throttle.failed(f"203.0.113.{number}", LOGIN, b"%d" % number)
    return services


def test_the_pause_is_a_step_of_the_command(make_office):
    client = Direct(guessed_at(make_office), client="198.51.100.7")
    client.buffer = b""
    assert client.ask(f'LOGIN {LOGIN} "{PASSWORD}"')[-1].startswith("t OK")
    assert len(client.paused) == 1
    assert client.paused[0] > 0
    client.close()


def test_every_shell_is_told_to_wait_before_it_judges(make_office):
    """SMTP awaits the same steps (``SubmissionSession``)."""
    services = guessed_at(make_office)
    steps = admit(services.gate, Credentials("", LOGIN, PASSWORD), Peer("198.51.100.7", "submission", None))
    first = next(steps)
    assert isinstance(first, Wait)
    assert first.seconds > 0
    steps.close()
