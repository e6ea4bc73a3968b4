"""What the post office tells officials by mail: something waits for them, or was decided.

Standards: RFC 3834 §5 (Auto-Submitted); RFC 5321 §4.5.5 (null reverse-path).
"""

from __future__ import annotations

from collections.abc import Iterable

from mailserver.delivery import local, spool
from mailserver.delivery.bounce import Report
from mailserver.delivery.post_office import PostOffice
from mailserver.message.compose import Draft, compose
from mailserver.message.entity import Attachment, Correspondent


def notice(
    office: PostOffice,
    told: Iterable[str],
    to: str,
    subject: str,
    text: str,
    attachments: tuple[Attachment, ...] = (),
) -> Report:
    """Ready to be delivered (``bounce.deliver``): for the accounts ``told``, addressed to ``to``."""
    city, now = office.config.city, office.now()
    message = compose(
        Draft(
            author=Correspondent(f"postmaster@{city.domain}", "CityMail"),
            to=(Correspondent(to),),
            subject=subject,
            text=text,
            attachments=attachments,
            extra_fields=(("Auto-Submitted", "auto-generated"),),
        ),
        message_id=f"<{office.new_reference()}.{now}@{city.hostname}>",
        date=now,
    )
    content = office.store.prepare(message, prefix=b"Return-Path: <>\r\n")
    who = local.plan(office, list(told), (), size=content.size)
    return Report(content, who, spool.Envelope(reverse_path="", eight_bit=True))
