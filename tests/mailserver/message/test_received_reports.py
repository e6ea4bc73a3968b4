"""Reports of others, as they come: whole, broken, and made to harm."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.received_reports import (
    MOST_ROWS,
    XML_LIMIT,
    Unreadable,
    find_reports,
    read_report,
    unpack,
)

RECORD = """<record><row><source_ip>192.0.2.1</source_ip><count>{count}</count><policy_evaluated>
<disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf><reason><type>other</type></reason></policy_evaluated>
</row><identifiers><header_from>City.VN</header_from><envelope_from>x.example</envelope_from></identifiers>
<auth_results><dkim><domain>x.example</domain><selector>s</selector><result>pass</result></dkim>
<spf><domain>x.example</domain><result>pass</result></spf></auth_results></record>"""


def xml(records: str = RECORD.format(count=2), *, head: str = "", space: str = "") -> bytes:
    return f"""<?xml version="1.0"?>{head}<feedback{space}><!-- hi --><report_metadata><org_name>Xa</org_name>
<email>a@xa.example</email><report_id>17</report_id><date_range><begin>1700000000</begin><end>1700086399</end>
</date_range></report_metadata><policy_published><domain>CITY.vn</domain><p>reject</p></policy_published>
{records}</feedback>""".encode()


TLS = {
    "organization-name": "Xa",
    "date-range": {"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"},
    "report-id": "17",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-domain": "city.vn"},
            "summary": {"total-successful-session-count": 5, "total-failure-session-count": 1},
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "receiving-mx-hostname": "mail.city.vn",
                    "failed-session-count": 1,
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("space", ["", ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', ' xmlns="x:dmarc-xml/0.1"'])
def test_dmarc_in_any_namespace(space):
    report = read_report(xml(space=space))
    assert (report.kind, report.domain, report.reporter, report.report_id) == ("dmarc", "city.vn", "Xa", "17")
    assert (report.begin, report.end) == (1_700_000_000, 1_700_086_399)
    assert report.rows == [
        {
            "source": "192.0.2.1",
            "count": 2,
            "disposition": "reject",
            "dkim": "fail",
            "spf": "fail",
            "reason": "other",
            "header_from": "city.vn",
            "envelope_from": "x.example",
            "signatures": ["x.example/s pass"],
            "spf_result": "x.example pass",
        }
    ]


def test_tls():
    report = read_report(json.dumps(TLS).encode())
    assert (report.kind, report.domain, report.reporter) == ("tls", "city.vn", "Xa")
    assert [(row["result"], row["count"]) for row in report.rows] == [("", 5), ("certificate-expired", 1)]
    assert report.end - report.begin == 86_399


def zipped(*files: tuple[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return octets.getvalue()


def test_every_packing():
    whole = xml()
    for packed in (whole, gzip.compress(whole), zipped(("a!b!1!2.xml", whole), ("read.me", b"x"))):
        assert unpack(packed) == [whole]


def mail(part: bytes, kind: str = "application/gzip", name: str = "a.xml.gz", encoding: str = "base64") -> bytes:
    import base64

    body = base64.encodebytes(part).replace(b"\n", b"\r\n") if encoding == "base64" else part
    return (
        f'From: a@xa.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: {kind}; name="{name}"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode() + body


def test_it_is_found_in_a_message_alone_among_parts_and_sent_on():
    packed = gzip.compress(xml())
    assert [found.domain for found in find_reports(mail(packed))] == ["city.vn"]
    assert [found.domain for found in find_reports(mail(packed, "application/octet-stream"))] == ["city.vn"]
    inner = mail(packed)
    nested = (
        b"From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
    )
    assert [found.domain for found in find_reports(nested)] == ["city.vn"]
    assert list(find_reports(b"From: a@b\r\nSubject: x\r\n\r\nno report\r\n")) == []


BOMB = gzip.compress(bytes(XML_LIMIT * 8))


@pytest.mark.parametrize(
    "packed",
    [
        BOMB,
        gzip.compress(BOMB),
        zipped(("a.xml", bytes(XML_LIMIT * 8))),
        zipped(("a.xml.gz", BOMB)),
        gzip.compress(xml())[:-20],
        b"PK\x03\x04" + b"x" * 100,
        b"\x1f\x8b" + b"x" * 100,
        b"",
        b"<feedback>",
        b"<feedback/>",
        xml(head='<!DOCTYPE feedback [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        xml("&x;", head='<!DOCTYPE feedback [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        xml("&c;", head='<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>'),
        b"{" * 100_000,
        b'{"policies":' + b"[" * 200_000,
        b'{"policies": 7}',
        b'{"report-id": "1", "policies": [7, {"policy": []}]}',
        zlib.compress(xml()),
    ],
    ids=range(18),
)
def test_what_is_broken_or_made_to_harm_is_told_and_costs_little(packed):
    tracemalloc.start()
    found = list(find_reports(mail(packed)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(isinstance(each, Unreadable) for each in found)
    assert found or packed.startswith(b"PK")  # an archive may hold nothing for us
    assert peak < 6 * XML_LIMIT


def test_rows_are_bounded_and_what_is_told_is_one_line():
    report = read_report(xml(RECORD.format(count=1) * (MOST_ROWS + 50)))
    assert len(report.rows) == MOST_ROWS
    nasty = xml().replace(b"<org_name>Xa", "<org_name>Xa&#10;\u202e&#9;".encode() + b"y" * 5000)
    reporter = read_report(nasty).reporter
    assert reporter.isprintable()
    assert len(reporter) <= 500


def test_numbers_that_are_none():
    report = read_report(xml(RECORD.format(count="99999999999999999999")))
    assert report.rows[0]["count"] == 0
    strange = {**TLS, "date-range": {"start-datetime": "yesterday", "end-datetime": 5}}
    report = read_report(json.dumps(strange).encode())
    assert (report.begin, report.end) == (0, 0)


@given(st.binary(max_size=300))
def test_any_octets_are_a_report_or_unreadable(octets):
    for packed in (octets, b"\x1f\x8b\x08" + octets, b"PK\x03\x04" + octets, b"<feedback>" + octets, b"{" + octets):
        list(find_reports(mail(packed)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["policies", "policy", "summary", "failure-details", "report-id"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_report_or_unreadable(value):
    try:
        report = read_report(json.dumps(value).encode())
    except Unreadable:
        return
    assert report.domain
