"""Reports that others send about our domains, read out of the messages that carry them.

Anybody may write to the address that takes them, so nothing is believed: what is unpacked is bounded while it is
unpacked, XML is read without a DTD, without entities, and record by record.

Standards: RFC 9990 §3.1 and RFC 7489 Appendix C (DMARC, as XML; element names count in any namespace), RFC 8460 §4.4
(TLS, as JSON), RFC 1952 (gzip).
Limits: 10 MiB packed, 16 MiB of XML or 4 MiB of JSON unpacked, 5 files of an archive, 10,000 rows of a report.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailserver.message.aggregate import DMARC, TLS
from mailserver.message.structure import Part, scan
from mailserver.message.transfer import decode_transfer

PACKED_LIMIT = 10 << 20
XML_LIMIT, JSON_LIMIT = 16 << 20, 4 << 20
MOST_FILES = 5
MOST_ROWS = 10_000
_LONGEST = 500

_TYPES = re.compile(r"(?:application/(?:x-)?(?:gzip|zip|zip-compressed|tlsrpt\+gzip|tlsrpt\+json|xml)|text/xml)")
_ENDINGS = (".xml", ".json", ".gz", ".zip")


class Unreadable(Exception):
    """It is no report, or more than we read."""


@dataclass(frozen=True, slots=True)
class Report:
    """``rows`` are plain values, as they are kept; ``begin`` and ``end`` in seconds since 1970."""

    kind: str
    domain: str
    reporter: str
    report_id: str
    begin: int
    end: int
    rows: list[dict[str, Any]]


def find_reports(octets: bytes) -> Iterator[Report | Unreadable]:
    """The reports that a message carries, and what looks like one and cannot be read."""
    for part in _leaves(scan(octets)):
        name = part.filename.lower()
        if not (_TYPES.fullmatch(part.media_type) or name.endswith(_ENDINGS)):
            continue
        if part.end - part.body_start > PACKED_LIMIT * 3 // 2:
            yield Unreadable(f"{name or part.media_type} is too large")
            continue
        try:
            packed = decode_transfer(part.encoding, octets[part.body_start : part.end])
            if packed is None:
                raise Unreadable("of an unknown encoding")
            yield from map(read_report, unpack(packed))
        except Unreadable as fault:
            yield fault


def _leaves(part: Part) -> Iterator[Part]:
    """Also those of a message inside: a report may have been sent on."""
    if not part.parts:
        yield part
    for each in part.parts:
        yield from _leaves(each)


# -- unpacking


def unpack(packed: bytes) -> list[bytes]:
    """The files in it: gzip, zip, or itself.  Raises Unreadable."""
    if packed.startswith(b"\x1f\x8b"):
        return [_gunzip(packed)]
    if packed.startswith(b"PK\x03\x04"):
        return _unzip(packed)
    if len(packed) > XML_LIMIT:
        raise Unreadable("too large")
    return [packed]


def _gunzip(packed: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        found = stream.decompress(packed, XML_LIMIT + 1)
    except zlib.error as fault:
        raise Unreadable(f"no gzip: {fault}") from None
    if len(found) > XML_LIMIT:
        raise Unreadable("too large when unpacked")
    if not stream.eof:
        raise Unreadable("cut off")
    return found


def _unzip(packed: bytes) -> list[bytes]:
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            for entry in archive.infolist()[:MOST_FILES]:
                if not entry.filename.lower().endswith((".xml", ".json")):
                    continue
                if entry.flag_bits & 1:
                    raise Unreadable("encrypted")
                with archive.open(entry) as file:  # what its header says of its size is not believed
                    octets = file.read(XML_LIMIT + 1)
                if len(octets) > XML_LIMIT:
                    raise Unreadable("too large when unpacked")
                found.append(octets)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as fault:
        raise Unreadable(f"no zip: {fault}") from None
    return found


# -- reading


def read_report(octets: bytes) -> Report:
    """Raises Unreadable."""
    start = octets[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    report = _read_json(octets) if start.startswith(b"{") else _read_xml(octets)
    if not report.domain or not report.report_id:
        raise Unreadable("it does not say what it is about")
    return report


def _read_xml(octets: bytes) -> Report:
    from lxml import etree  # megabytes that only who reads reports needs

    domain, reporter, report_id, begin, end = "", "", "", 0, 0
    rows: list[dict[str, Any]] = []
    try:
        elements = etree.iterparse(
            io.BytesIO(octets),
            tag=("{*}report_metadata", "{*}policy_published", "{*}record"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        for _, element in elements:
            if element.getroottree().docinfo.internalDTD is not None:
                raise Unreadable("a DTD")
            name = etree.QName(element).localname
            if name == "report_metadata":
                reporter, report_id = _text(element, "org_name"), _text(element, "report_id")
                begin, end = _number(_text(element, "date_range/begin")), _number(_text(element, "date_range/end"))
            elif name == "policy_published":
                domain = _text(element, "domain").lower().rstrip(".")
            elif len(rows) < MOST_ROWS:
                rows.append(_dmarc_row(element))
            element.clear()
            while element.getprevious() is not None:  # what was read need not be kept
                del element.getparent()[0]
    except etree.XMLSyntaxError as fault:
        raise Unreadable(f"no XML: {str(fault)[:100]}") from None
    return Report(DMARC, domain, reporter, report_id, begin, end, rows)


def _dmarc_row(record: Any) -> dict[str, Any]:
    signatures = [
        f"{_text(each, 'domain')}/{_text(each, 'selector')} {_text(each, 'result')}"
        for each in record.findall("{*}auth_results/{*}dkim")[:10]
    ]
    return {
        "source": _text(record, "row/source_ip"),
        "count": _number(_text(record, "row/count")),
        "disposition": _text(record, "row/policy_evaluated/disposition"),
        "dkim": _text(record, "row/policy_evaluated/dkim"),
        "spf": _text(record, "row/policy_evaluated/spf"),
        "reason": _text(record, "row/policy_evaluated/reason/type"),
        "header_from": _text(record, "identifiers/header_from").lower(),
        "envelope_from": _text(record, "identifiers/envelope_from").lower(),
        "signatures": signatures,
        "spf_result": f"{_text(record, 'auth_results/spf/domain')} {_text(record, 'auth_results/spf/result')}".strip(),
    }


def _text(element: Any, path: str) -> str:
    found = element.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    return _plain(found.text if found is not None and isinstance(found.text, str) else "")


def _read_json(octets: bytes) -> Report:
    if len(octets) > JSON_LIMIT:
        raise Unreadable("too large when unpacked")
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError) as fault:
        raise Unreadable(f"no JSON: {str(fault)[:100]}") from None
    period = _dict(_dict(value).get("date-range"))
    policies = _list(_dict(value).get("policies"))
    rows: list[dict[str, Any]] = []
    domains = []
    for entry in policies:
        policy, summary = _dict(_dict(entry).get("policy")), _dict(_dict(entry).get("summary"))
        domains.append(_plain(policy.get("policy-domain")).lower().rstrip("."))
        kind = _plain(policy.get("policy-type"))
        rows.append({"policy": kind, "result": "", "count": _number(summary.get("total-successful-session-count"))})
        rows += [_tls_row(kind, _dict(failure)) for failure in _list(_dict(entry).get("failure-details"))]
    return Report(
        TLS,
        next(filter(None, domains), ""),
        _plain(value.get("organization-name")),
        _plain(value.get("report-id")),
        _moment(period.get("start-datetime")),
        _moment(period.get("end-datetime")),
        rows[:MOST_ROWS],
    )


def _tls_row(policy: str, failure: dict[str, Any]) -> dict[str, Any]:
    return {
        "policy": policy,
        "result": _plain(failure.get("result-type")) or "unknown",
        "count": _number(failure.get("failed-session-count")),
        "host": _plain(failure.get("receiving-mx-hostname")),
        "address": _plain(failure.get("receiving-ip")),
        "source": _plain(failure.get("sending-mta-ip")),
        "detail": _plain(failure.get("failure-reason-code") or failure.get("additional-information")),
    }


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:MOST_ROWS] if isinstance(value, list) else []


def _plain(value: object) -> str:
    """One line that a terminal and a database take."""
    text = value if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else " " for each in text[:_LONGEST]).strip()


def _number(value: object) -> int:
    text = str(value)[:20] if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else 0


def _moment(value: object) -> int:
    try:
        return max(0, int(datetime.fromisoformat(_plain(value)).timestamp()))
    except (ValueError, OverflowError):
        return 0
