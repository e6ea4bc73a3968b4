"""A report of success that a stranger asks for goes to nobody whom he may have made up."""

from __future__ import annotations

import pytest

from mailserver.delivery import inbound, spool
from mailserver.delivery.checks import Findings
from mailserver.delivery.post_office import Origin
from mailserver.delivery.verdict import Action, Judgement, Verdict
from mailserver.smtp.commands import MailCommand, RcptCommand
from security.spf import Spf, SpfResult


@pytest.mark.parametrize(
    ("judgement", "is_told"),
    [
        (None, True),
        (Judgement(Findings(), Verdict(Action.ACCEPT)), True),
        (Judgement(Findings(mail_from=SpfResult(Spf.PASS)), Verdict(Action.ACCEPT)), True),
        (Judgement(Findings(mail_from=SpfResult(Spf.NONE)), Verdict(Action.ACCEPT)), True),
        (Judgement(Findings(mail_from=SpfResult(Spf.FAIL)), Verdict(Action.ACCEPT)), False),
        (Judgement(Findings(mail_from=SpfResult(Spf.SOFTFAIL)), Verdict(Action.ACCEPT)), False),
        (Judgement(Findings(mail_from=SpfResult(Spf.PASS)), Verdict(Action.JUNK)), False),
    ],
)
def test_who_is_told_of_success(office, judgement, is_told):
    mail = MailCommand("x@far.example")
    taken = [inbound.offer_recipient(office, mail, RcptCommand("an@city.vn", "SUCCESS"))]
    origin = Origin("192.0.2.1", "far.example", "ESMTP")
    inbound.receive(office, origin, mail, taken, b"Subject: x\r\n\r\nx\r\n", judgement).result()
    with office.store.read() as connection:
        waiting = [each.forward_path for item in spool.load_items(connection) for each in item.recipients]
    assert waiting == (["x@far.example"] if is_told else [])
