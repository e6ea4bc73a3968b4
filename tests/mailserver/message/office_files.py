"""Small files as officials send them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping


def packed(members: Mapping[str, str | bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return octets.getvalue()


def pdf(text: str, *, extra: bytes = b"") -> bytes:
    """One page with one line."""
    stream = zlib.compress(f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream),
    ]
    octets, places = b"%PDF-1.4\n" + extra, []
    for number, each in enumerate(objects, 1):
        places.append(len(octets))
        octets += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = len(octets)
    octets += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return octets + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table


WORD = '<w:p xmlns:w="x"><w:r><w:t>Ngân </w:t></w:r><w:r><w:t>sách</w:t><w:tab/><w:t>2025</w:t></w:r></w:p>'
SHARED = '<sst xmlns="x"><si><t>Họ tên</t></si><si><r><t>Lương</t></r><r><t> tháng</t></r></si></sst>'
SHEET = (
    '<worksheet><row><c t="s"><v>0</v></c><c><v>12500</v></c>'
    '<c t="inlineStr"><is><t>ghi chú</t></is></c></row></worksheet>'
)
SLIDE = (
    '<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>Kế hoạch</a:t></a:r></a:p>'
    "<a:p><a:r><a:t>năm</a:t></a:r></a:p></p:sld>"
)
OPEN = (
    '<office:document-content xmlns:office="o" xmlns:text="t"><office:body><text:h>Thông báo</text:h>'
    "<text:p>Kính<text:s/>gửi <text:span>Sở</text:span></text:p></office:body></office:document-content>"
)
