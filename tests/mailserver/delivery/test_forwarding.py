"""Mail that an alias leads elsewhere: whose name it bears, how bounces find back, and where it may not go."""

from __future__ import annotations

import pytest

from mailserver.delivery import bounce, forwarding, inbound, queue, spool
from mailserver.delivery.checks import Findings
from mailserver.delivery.queue import Choice
from mailserver.delivery.relay import deliver_here
from mailserver.delivery.settling import write_down
from mailserver.delivery.verdict import Action, Judgement, Verdict
from mailserver.message.report import FAILED, Outcome
from mailserver.refusals import NoSuchRecipient, NotPermitted
from mailserver.smtp.commands import MailCommand, RcptCommand, parse_mail, parse_rcpt
from security.srs import MAX_AGE_DAYS, is_rewritten
from tests.mailserver.delivery.test_delivery import ORIGIN, items, webmail
from tests.mailserver.mailroom import add_group, mails

MESSAGE = b"From: x@ngoai.example\r\nTo: weg@city.vn\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.fixture
def make_forwarding(make_office):
    """``liste`` leads to Binh, and to somebody elsewhere."""

    def make(**relay):
        office = make_office(relay=relay)
        office.srs_secret = b"secret"
        with office.directory.write() as people:
            add_group(people, "liste", "anyone", ["binh"], outside=["z@dritte.example"])
        return office

    return make


def receive(office, *recipients, sender="x@ngoai.example"):
    mail = MailCommand(sender)
    taken = [inbound.offer_recipient(office, mail, RcptCommand(each)) for each in recipients]
    return inbound.receive(office, ORIGIN, mail, taken, MESSAGE).result()


def reverse_paths(office):
    return {each.forward_path: item.envelope.reverse_path for item in items(office) for each in item.recipients}


def test_a_strangers_mail_goes_on_under_an_address_of_ours(make_forwarding):
    office = make_forwarding()
    receive(office, "liste@city.vn")
    ((path, sender),) = reverse_paths(office).items()
    assert path == "z@dritte.example"
    local, _, domain = sender.rpartition("@")
    assert domain == "city.vn"
    assert is_rewritten(local)
    assert mails(office.store, "binh")[0].startswith(b"Return-Path: <x@ngoai.example>")


def test_our_own_people_and_reports_keep_their_names(make_forwarding):
    office = make_forwarding()
    webmail(office, "liste@city.vn", name="an")
    receive(office, "liste@city.vn", sender="")
    assert [item.envelope.reverse_path for item in items(office)] == ["an@city.vn", ""]


def test_it_can_be_turned_off(make_forwarding):
    office = make_forwarding(rewrite_senders=False)
    receive(office, "liste@city.vn")
    assert reverse_paths(office) == {"z@dritte.example": "x@ngoai.example"}


def test_a_bounce_finds_back(make_forwarding, clock):
    office = make_forwarding()
    ours = forwarding.sender_for(office, "x@ngoai.example")
    receive(office, ours, sender="")
    assert reverse_paths(office) == {"x@ngoai.example": ""}
    # Nothing but reports, nothing forged, nothing old.
    with pytest.raises(NotPermitted):
        receive(office, ours, sender="y@ngoai.example")
    with pytest.raises(NoSuchRecipient):
        receive(office, ours.replace("x@", "y@").replace("=x", "=y"), sender="")
    clock.pass_by((MAX_AGE_DAYS + 2) * 86_400)
    with pytest.raises(NoSuchRecipient):
        receive(office, ours, sender="")


def test_a_bounce_that_waited_for_an_administrator_finds_back(make_forwarding):
    office = make_forwarding()
    ours = forwarding.sender_for(office, "x@ngoai.example")
    mail = MailCommand("")
    taken = [inbound.offer_recipient(office, mail, RcptCommand(ours))]
    waits = Judgement(Findings(), Verdict(Action.QUARANTINE, "clamav: Eicar"))
    inbound.receive(office, ORIGIN, mail, taken, MESSAGE, waits).result()
    queue.release(office.store, Choice(state=queue.QUARANTINED))
    (item,) = items(office)
    judgement = deliver_here(office, item, item.recipients)
    assert [result.state for result in judgement.results] == [spool.SENT]
    office.store.write(lambda tx: write_down(tx, "", [judgement])).result()
    assert reverse_paths(office) == {"x@ngoai.example": ""}


def test_our_own_report_finds_back_too(make_forwarding):
    office = make_forwarding()
    receive(office, "liste@city.vn")
    (item,) = items(office)
    reports = bounce.report(office, item, [Outcome("z@dritte.example", FAILED, "5.1.1")])
    office.store.write(lambda tx: bounce.deliver(tx, reports)).result()
    assert reverse_paths(office)["x@ngoai.example"] == ""


@pytest.mark.parametrize(
    "sender",
    [
        '"a b"@ngoai.example',
        '"a> RET=FULL "@ngoai.example',
        "a@[192.0.2.1]",
        "nửa@ngoai.example",
        f"bounce+{'1234567890' * 5}@mailing.{'d' * 50}.example",
    ],
)
@pytest.mark.parametrize("domain", ["city.vn", "thành-phố.vn"])
def test_whatever_the_senders_address_is_ours_is_one_and_leads_back(make_office, sender, domain):
    office = make_office(city={"domain": domain, "domains": ()}, relay={})
    office.srs_secret = b"secret"
    given = parse_mail(f"FROM:<{sender}> SMTPUTF8").reverse_path
    ours = forwarding.sender_for(office, given)
    assert ours.isascii() == sender.isascii()
    # As it goes over the wire, and comes back.
    assert parse_mail(f"FROM:<{ours}> SMTPUTF8").reverse_path == ours
    back = parse_rcpt(f"TO:<{ours}>", smtputf8=True).forward_path
    assert forwarding.original_sender(office, back) == given


def test_other_domains_addresses_of_that_form_are_left_alone(make_forwarding):
    office = make_forwarding()
    assert forwarding.original_sender(office, "SRS0=AAAAAA=22=a.example=x@other.example") is None
    assert forwarding.original_sender(office, "an@city.vn") is None


def addressee(*external, accounts=(), is_group=False):
    recipients = inbound.Recipients(frozenset(accounts), frozenset(external))
    return inbound.Addressee("weg@city.vn", recipients, is_group)


def test_only_permitted_domains_get_forwarded_mail(make_forwarding):
    office = make_forwarding(forward_domains=("Gut.example", "đúng.example"))
    kept = forwarding.only_permitted(office, addressee("a@gut.example", "b@schlecht.example", "c@xn--ng-qka5g.example"))
    assert kept.recipients.external == {"a@gut.example", "c@xn--ng-qka5g.example"}
    assert (
        forwarding.only_permitted(office, addressee("b@schlecht.example", accounts=["an"])).recipients.external
        == frozenset()
    )
    with pytest.raises(NotPermitted):
        forwarding.only_permitted(office, addressee("b@schlecht.example"))
    group = addressee("b@schlecht.example", is_group=True)
    assert forwarding.only_permitted(office, group) == group
    assert forwarding.only_permitted(make_forwarding(), addressee("b@x.example")).recipients.external == {"b@x.example"}
