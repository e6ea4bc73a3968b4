"""Every transcript of tests/dialogues/smtp, over a port, and against a session in memory, cut into single octets."""

from __future__ import annotations

import pytest

from tests.mailserver.servers.smtp_dialogues import InMemory, OverPort, SmtpDialogue, is_clear, names


@pytest.mark.parametrize("name", names())
def test_live_port(name, room):
    SmtpDialogue(name, lambda service: OverPort(room, service)).play()


@pytest.mark.parametrize("name", [name for name in names() if is_clear(name)])
def test_session_octet_by_octet(name, room):
    SmtpDialogue(name, lambda service: InMemory(room, service, step=1)).play()
