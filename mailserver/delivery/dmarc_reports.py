"""The report on a day's mail in one domain's name, made of what was counted (``delivery.dmarc_outcomes``).

Written from the last draft of the RFC (draft-ietf-dmarc-aggregate-reporting-30), whose own text was not at hand.

Standards: RFC 9990 §3.1 (the report as XML), §3.2 (one policy in one report), Appendix A (its order).
Limits: of a day the most frequent combinations of source and results.
"""

from __future__ import annotations

import gzip
import json
import re
from typing import Any
from xml.etree import ElementTree

from sqlalchemy import Connection, select

from mailserver.delivery.tls_reports import DAY, seconds_of
from mailserver.message.aggregate import DMARC, Document, report_id
from mailserver.store.peer_tables import dmarc_outcome

MOST_RECORDS = 20_000
NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"

# What a stranger wrote may hold anything; names and results are ASCII.
_STRANGE = re.compile(r"[^\x20-\x7e]")


def make(
    connection: Connection, day: str, domain: str, policy: str, *, organization: str, submitter: str, contact: str
) -> Document | None:
    """None if nothing was counted."""
    columns = dmarc_outcome.c
    rows = connection.execute(
        select(columns.detail, columns.messages)
        .where(columns.day == day, columns.domain == domain, columns.policy == policy)
        .order_by(columns.messages.desc(), columns.digest)
        .limit(MOST_RECORDS)
    ).all()
    if not rows:
        return None
    begin = seconds_of(day)
    identifier = report_id(DMARC, day, domain, policy, submitter)
    root = ElementTree.Element("feedback", {"xmlns": NAMESPACE})
    _add(root, "version", "1.0")
    metadata = ElementTree.SubElement(root, "report_metadata")
    metadata_values = {"org_name": organization, "email": contact, "report_id": identifier}
    for name, value in metadata_values.items():
        ElementTree.SubElement(metadata, name).text = re.sub(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", "?", value)
    period = ElementTree.SubElement(metadata, "date_range")
    _add(period, "begin", begin)
    _add(period, "end", begin + DAY - 1)
    _add(metadata, "generator", "CityMail")
    _add_policy(root, json.loads(policy))
    for row in rows:
        _add_record(root, json.loads(row.detail), row.messages)
    octets = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Document(DMARC, domain, submitter, identifier, begin, begin + DAY - 1, gzip.compress(octets, mtime=begin))


def _add(parent: ElementTree.Element, name: str, value: object) -> None:
    ElementTree.SubElement(parent, name).text = _STRANGE.sub("?", str(value))


def _add_policy(root: ElementTree.Element, policy: dict[str, Any]) -> None:
    published = ElementTree.SubElement(root, "policy_published")
    _add(published, "domain", policy["domain"])
    _add(published, "discovery_method", "treewalk")
    for name in ("p", "sp", "np", "adkim", "aspf", "testing"):
        _add(published, name, policy[name])


def _add_record(root: ElementTree.Element, detail: dict[str, Any], messages: int) -> None:
    record = ElementTree.SubElement(root, "record")
    row = ElementTree.SubElement(record, "row")
    _add(row, "source_ip", detail["source"])
    _add(row, "count", messages)
    evaluated = ElementTree.SubElement(row, "policy_evaluated")
    _add(evaluated, "disposition", detail["disposition"])
    for method in ("dkim", "spf"):
        _add(evaluated, method, "pass" if detail[method] else "fail")
    if detail["reason"]:
        _add(ElementTree.SubElement(evaluated, "reason"), "type", detail["reason"])
    identifiers = ElementTree.SubElement(record, "identifiers")
    _add(identifiers, "header_from", detail["header_from"])
    _add(identifiers, "envelope_from", detail["spf_domain"])
    results = ElementTree.SubElement(record, "auth_results")
    for domain, selector, result in detail["signatures"]:
        signature = ElementTree.SubElement(results, "dkim")
        _add(signature, "domain", domain)
        _add(signature, "selector", selector)
        _add(signature, "result", result)
    if detail["spf_result"]:
        spf = ElementTree.SubElement(results, "spf")
        _add(spf, "domain", detail["spf_domain"])
        _add(spf, "scope", "mfrom")
        _add(spf, "result", detail["spf_result"])
