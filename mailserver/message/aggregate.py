"""Mail that carries a report for another domain's programs: on TLS, or on DMARC.

Words for people come first, then the report as a compressed file, whose name says what it is.

Standards: RFC 8460 §5.1 (the file's name), §5.3 (multipart/report, two fields more), RFC 9990 §3.5.2 and RFC 7489
§7.2.1.1 (file and Subject), RFC 6522, RFC 6713 (application/gzip), RFC 3834 §5 (Auto-Submitted).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.message.dates import format_date
from mailserver.message.entity import (
    Attachment,
    Correspondent,
    address_field,
    file_entity,
    fold_field,
    multipart_entity,
    one_line,
    text_entity,
    unstructured_field,
)

TLS, DMARC = "tls", "dmarc"
TLS_TYPE, DMARC_TYPE = "application/tlsrpt+gzip", "application/gzip"


@dataclass(frozen=True, slots=True)
class Document:
    """A report on one domain and one day; ``octets`` are compressed.  ``begin`` and ``end`` in seconds since 1970.

    ``report_id`` is of letters and digits, so that it may stand in the file's name too (RFC 9990 §3.3).
    """

    kind: str
    domain: str
    submitter: str
    report_id: str
    begin: int
    end: int
    octets: bytes

    @property
    def media_type(self) -> str:
        return TLS_TYPE if self.kind == TLS else DMARC_TYPE

    @property
    def filename(self) -> str:
        suffix = "json.gz" if self.kind == TLS else "xml.gz"
        return f"{self.submitter}!{self.domain}!{self.begin}!{self.end}!{self.report_id}.{suffix}"


def report_id(*parts: str) -> str:
    """The same for the same report, also when it is made once more."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def aggregate_message(document: Document, *, author: str, to: Sequence[str], date: int) -> bytes:
    """The whole message, its Message-ID made of the report's (RFC 9990 §3.5.2)."""
    is_tls = document.kind == TLS
    message_id = f"<{document.report_id}@{document.submitter}>"
    # the one wants it in the form of a Message-ID, the other as it stands in the report
    told = message_id if is_tls else f"<{document.report_id}>"
    subject = f"Report Domain: {document.domain} Submitter: {document.submitter} Report-ID: {told}"
    fields = [
        fold_field("Date", [format_date(date, 0)]),
        address_field("From", [Correspondent(author, "CityMail")]),
        address_field("To", [Correspondent(each) for each in to]),
        unstructured_field("Subject", subject),
        fold_field("Message-ID", [message_id]),
        fold_field("Auto-Submitted", ["auto-generated"]),
    ]
    if is_tls:
        fields += [
            fold_field("TLS-Report-Domain", [one_line(document.domain)]),
            fold_field("TLS-Report-Submitter", [one_line(document.submitter)]),
            # RFC 8460 §5.3: whatever is wrong with their TLS, of that they shall hear (RFC 8689 §5)
            fold_field("TLS-Required", ["No"]),
        ]
    fields.append(fold_field("MIME-Version", ["1.0"]))
    parts = [
        text_entity(_TEXTS[document.kind].format(document=document)),
        file_entity(Attachment(document.filename, document.media_type, document.octets)),
    ]
    if is_tls:
        body = multipart_entity("report", parts, message_id, [("report-type", "tlsrpt")])
    else:
        body = multipart_entity("mixed", parts, message_id)
    return b"".join(fields) + body.octets()


_TEXTS = {
    TLS: (
        "This is an aggregate report on TLS to the servers of {document.domain}, from {document.submitter}.\n"
        "It is for programs (RFC 8460); the domain's TLS-RPT record asks for it.\n"
    ),
    DMARC: (
        "This is an aggregate report on mail in the name of {document.domain}, from {document.submitter}.\n"
        "It is for programs (RFC 9990); the domain's DMARC record asks for it.\n"
    ),
}
