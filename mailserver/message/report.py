"""Reports on what became of a delivery (DSN).

A multipart/report of three parts: words for people (Vietnamese, then English), fields for programs, and the message
or its header. Who sends one and when is decided elsewhere; a report travels with the null reverse-path.

Standards: RFC 6522 (multipart/report); RFC 3464 (delivery status), RFC 3461 §6.3 (what is returned);
RFC 6533 (addresses outside ASCII); RFC 3834 §5 (Auto-Submitted); RFC 3463 (status codes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.message.dates import format_date
from mailserver.message.encoded_words import decode_words
from mailserver.message.entity import (
    Correspondent,
    Entity,
    address_field,
    fold_field,
    multipart_entity,
    one_line,
    plain_entity,
    text_entity,
    unstructured_field,
)
from mailserver.message.headers import find_field, header_end

FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED = "failed", "delayed", "delivered", "relayed", "expanded"

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_DEFAULT_STATUS = {FAILED: "5.0.0", DELAYED: "4.0.0", DELIVERED: "2.0.0", RELAYED: "2.0.0", EXPANDED: "2.0.0"}

_SUBJECTS = {
    FAILED: "Thư không gửi được / Undeliverable mail",
    DELAYED: "Thư bị chậm, hệ thống vẫn đang gửi / Delayed mail (still being retried)",
    DELIVERED: "Thư đã đến nơi / Successful mail delivery",
    RELAYED: "Thư đã chuyển tiếp / Mail relayed",
    EXPANDED: "Thư đã chuyển tới nhóm / Mail delivered to a group",
}
_LEADS = {
    FAILED: (
        "Thư của bạn không đến được những người nhận sau:",
        "Your message could not be delivered to the following recipients:",
    ),
    DELAYED: (
        "Thư của bạn chưa đến được những người nhận sau. Bạn không cần gửi lại, hệ thống sẽ tiếp tục thử:",
        "Your message has not yet been delivered to the following recipients. You need not send it again:",
    ),
    DELIVERED: (
        "Thư của bạn đã vào hộp thư của những người nhận sau:",
        "Your message was delivered to the following recipients:",
    ),
    RELAYED: (
        "Thư của bạn đã được chuyển tới máy chủ kế tiếp, nơi không gửi thông báo, cho những người nhận sau:",
        "Your message was passed on to a system that sends no confirmations, for the following recipients:",
    ),
    EXPANDED: (
        "Thư của bạn đã được chuyển tới thành viên của các nhóm sau:",
        "Your message was delivered to the members of the following groups:",
    ),
}
# By enhanced status code (RFC 3463 §3), the longest beginning counts; class and subject are enough for people.
_REASONS = {
    "1.1": ("địa chỉ này không tồn tại", "there is no such address"),
    "1.2": ("tên miền này không tồn tại", "there is no such domain"),
    "1.10": ("tên miền này không nhận thư", "the domain accepts no mail"),
    "2.1": ("hộp thư này đã bị khóa", "the mailbox is disabled"),
    "2.2": ("hộp thư của người nhận đã đầy", "the recipient's mailbox is full"),
    "2.3": ("thư lớn hơn mức người nhận cho phép", "the message is larger than the recipient allows"),
    "3.4": ("thư lớn hơn mức máy chủ nhận cho phép", "the message is larger than the receiving system allows"),
    "4": ("không kết nối được với máy chủ nhận", "the receiving system could not be reached"),
    "4.7": ("đã quá thời hạn thử gửi", "delivery was tried until the time limit"),
    "6": ("máy chủ nhận không chấp nhận dạng thư này", "the receiving system cannot take this kind of message"),
    "7": ("máy chủ nhận từ chối vì lý do chính sách", "the receiving system refused it for policy reasons"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened for one recipient (RFC 3464 §2.3)."""

    recipient: str
    action: str  # FAILED, DELAYED, DELIVERED, RELAYED or EXPANDED
    status: str = ""  # enhanced status code
    diagnostic: str = ""  # the other side's reply: "550 5.1.1 No such user"
    remote_mta: str = ""
    original_recipient: str = ""  # ORCPT as given: "rfc822;user@example.vn"
    last_attempt: int | None = None
    will_retry_until: int | None = None


def _code(outcome: Outcome) -> str:
    return outcome.status if _STATUS.fullmatch(outcome.status) else _DEFAULT_STATUS[outcome.action]


def _reason(code: str) -> tuple[str, str] | None:
    detail = code.partition(".")[2]
    return _REASONS.get(detail) or _REASONS.get(detail.partition(".")[0])


def _typed(address: str) -> str:
    # RFC 6533 §3: utf-8-address inside the global types
    return f"rfc822;{one_line(address)}" if address.isascii() else f"utf-8;{one_line(address)}"


_UNITEXT = re.compile(r"\\x\{([0-9A-F]{2,6})\}")


def _original_typed(orcpt: str) -> str:
    """RFC 6533 §4.1: the encoded form of a UTF-8 address is turned back where UTF-8 may stand."""
    kind, _, value = one_line(orcpt).partition(";")
    if kind.lower() != "utf-8":
        return one_line(orcpt)
    try:
        return f"utf-8;{one_line(_UNITEXT.sub(lambda match: chr(int(match[1], 16)), value))}"
    except ValueError:  # no such character: copied as it is
        return one_line(orcpt)


def _status_block(fields: Sequence[tuple[str, str]]) -> bytes:
    return b"".join([f"{name}: {one_line(value)}\r\n".encode("utf-8", "replace") for name, value in fields if value])


def _delivery_fields(outcomes: Sequence[Outcome], reporting_mta: str, envelope_id: str, arrival: int | None) -> bytes:
    blocks = [
        _status_block([
            ("Original-Envelope-Id", envelope_id),
            ("Reporting-MTA", f"dns;{reporting_mta}"),
            ("Arrival-Date", format_date(arrival) if arrival is not None else ""),
        ])
    ]  # fmt: skip
    for outcome in outcomes:
        diagnostic = outcome.diagnostic
        if diagnostic and not diagnostic.isascii():  # RFC 6533 §4.1: text-fixed is ASCII
            diagnostic = diagnostic.encode("ascii", "replace").decode()
        blocks.append(
            _status_block([
                ("Original-Recipient", _original_typed(outcome.original_recipient)),
                ("Final-Recipient", _typed(outcome.recipient)),
                ("Action", outcome.action),
                ("Status", _code(outcome)),
                ("Remote-MTA", f"dns;{outcome.remote_mta}" if outcome.remote_mta else ""),
                ("Diagnostic-Code", f"smtp;{diagnostic}" if diagnostic else ""),
                ("Last-Attempt-Date", format_date(outcome.last_attempt) if outcome.last_attempt is not None else ""),
                (
                    "Will-Retry-Until",
                    format_date(outcome.will_retry_until)
                    if outcome.action == DELAYED and outcome.will_retry_until is not None
                    else "",
                ),
            ])
        )  # fmt: skip
    return b"\r\n".join(blocks)


def _delivery_text(outcomes: Sequence[Outcome], subject: str, reporting_mta: str) -> str:
    def paragraphs(language: int) -> list[str]:
        lines: list[str] = []
        for action in dict.fromkeys(outcome.action for outcome in outcomes):
            lines += [_LEADS[action][language], ""]
            for outcome in outcomes:
                if outcome.action != action:
                    continue
                reason = _reason(_code(outcome)) if action in (FAILED, DELAYED) else None
                lines.append(f"  {one_line(outcome.recipient)}{f': {reason[language]}' if reason else ''}")
                if outcome.diagnostic:
                    lines.append(f"    {one_line(outcome.diagnostic)[:1000]}")
            lines.append("")
        return lines

    lines = [f"Đây là thông báo tự động của hệ thống thư {reporting_mta}.", ""]
    if subject:
        lines += [f"Tiêu đề thư: {subject}", ""]
    lines += paragraphs(0)
    lines += ["-" * 40, "", f"This is an automatic message of the mail system {reporting_mta}.", ""]
    if subject:
        lines += [f"Subject of the message: {subject}", ""]
    lines += paragraphs(1)
    return "\n".join(lines)


def _returned(original: bytes, *, whole: bool) -> Entity:
    """RFC 3461 §6.3: the message, or only its header; a header in UTF-8 needs the types of RFC 6533."""
    header = original[: header_end(original)]
    if whole:
        return plain_entity("message/rfc822" if header.isascii() else "message/global", original)
    header = header.rstrip(b"\r\n") + b"\r\n"
    return plain_entity("text/rfc822-headers" if header.isascii() else "message/global-headers", header)


def _subject_of(original: bytes) -> str:
    raw = find_field(original[: header_end(original)], "Subject")
    return one_line(decode_words(raw))[:200] if raw else ""


def delivery_report(
    outcomes: Sequence[Outcome],
    original: bytes,
    *,
    reverse_path: str,
    reporting_mta: str,
    postmaster: str,
    message_id: str,
    date: int,
    envelope_id: str = "",
    arrival: int | None = None,
    return_whole: bool = False,
) -> bytes:
    """A delivery status notification for `reverse_path`; `original` needs to be the whole message only to return it.

    RFC 3461 §6.3: only a failure returns the whole message, and only if that was asked for.
    """
    actions = {outcome.action for outcome in outcomes}
    kind = next(action for action in (FAILED, DELAYED, EXPANDED, RELAYED, DELIVERED) if action in actions)
    fields = _delivery_fields(outcomes, reporting_mta, envelope_id, arrival)
    status_type = "message/delivery-status" if fields.isascii() else "message/global-delivery-status"
    subject = _subject_of(original)
    report = multipart_entity(
        "report",
        [
            text_entity(_delivery_text(outcomes, subject, reporting_mta)),
            plain_entity(status_type, fields),
            _returned(original, whole=return_whole and kind == FAILED),
        ],
        message_id,
        [("report-type", "delivery-status")],
    )
    return _message(
        report,
        author=Correspondent(postmaster, "Hệ thống thư / Mail Delivery System"),
        recipient=reverse_path,
        subject=_SUBJECTS[kind] + (f": {subject}" if subject else ""),
        message_id=message_id,
        date=date,
        original=original,
        automatic="auto-replied",
    )


def _message(
    report: Entity,
    *,
    author: Correspondent,
    recipient: str,
    subject: str,
    message_id: str,
    date: int,
    original: bytes,
    automatic: str,
) -> bytes:
    fields = [
        fold_field("Date", [format_date(date)]),
        address_field("From", [author]),
        address_field("To", [Correspondent(recipient)]),
        unstructured_field("Subject", subject),
        fold_field("Message-ID", [message_id]),
    ]
    answered = find_field(original[: header_end(original)], "Message-ID")
    if answered and re.fullmatch(r"<[!-;=?-~]{1,990}>", answered):  # so that the report joins the thread
        fields += [fold_field("In-Reply-To", [answered]), fold_field("References", [answered])]
    if automatic:
        fields.append(fold_field("Auto-Submitted", [automatic]))
    fields.append(fold_field("MIME-Version", ["1.0"]))
    return b"".join(fields) + report.octets()
