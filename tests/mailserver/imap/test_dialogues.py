"""Every transcript of tests/dialogues/imap, against a session directly, over a port, and cut into single octets."""

from __future__ import annotations

import pytest

from tests.mailserver.imap.dialogues import Dialogue, names
from tests.mailserver.imap.talk import Direct


class OctetByOctet(Direct):
    """What is sent arrives one octet at a time."""

    def say(self, octets):
        said = self.buffer
        self.buffer = b""
        for place in range(len(octets)):
            said += self.send(octets[place : place + 1])
        self.buffer = said


@pytest.mark.parametrize("name", names())
def test_session(name, services):
    Dialogue(name, lambda: Direct(services)).play()


@pytest.mark.parametrize("name", names())
def test_octet_by_octet(name, services):
    Dialogue(name, lambda: OctetByOctet(services)).play()


@pytest.mark.parametrize("name", names())
def test_live_port(name, live):
    Dialogue(name, lambda: live.connect("imap")).play()
