"""Every message under tests/messages against what is expected of it.

A folder holds `message.eml`, `expected.json` and `why.md`. After a change that is meant, run this file with
``--update`` and read the difference: ``python tests/mailserver/message/test_golden.py --update``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mailserver.message.structure import decode_parts, scan
from mailserver.message.summary import summarize
from mailserver.message.text import readable_text

FOLDER = Path(__file__).parents[2] / "messages"
CASES = sorted(path.parent for path in FOLDER.glob("*/message.eml"))


def describe(octets):
    """What we say of a message, in a form that a person can read and compare."""
    summary = summarize(octets)._asdict()
    for name in ("envelope", "body", "bodystructure"):
        summary[name] = summary[name].decode("ascii")
    summary["parts"] = _tree(decode_parts(summary["parts"]))
    summary["ancestry"] = summary["ancestry"].hex()
    return {**summary, "text": readable_text(scan(octets), octets).splitlines()}


def _tree(part):
    names = "media_type", "encoding", "charset", "filename", "disposition", "content_id"
    row = {name: getattr(part, name) for name in names if getattr(part, name)}
    row["offsets"] = f"{part.header_start} {part.body_start} {part.end}, {part.lines} lines"
    if part.parts:
        row["parts"] = [_tree(child) for child in part.parts]
    return row


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_message_is_read_as_expected(folder, imap_reader):
    octets = (folder / "message.eml").read_bytes()
    found = describe(octets)
    assert found == json.loads((folder / "expected.json").read_text())
    imap_reader.envelope(found["envelope"].encode())
    imap_reader.body(found["body"].encode())
    imap_reader.body(found["bodystructure"].encode(), extended=True)


def test_every_case_says_why_it_is_there():
    assert len(CASES) >= 40
    for folder in FOLDER.iterdir():
        if folder.is_dir():
            assert {path.name for path in folder.iterdir()} == {"message.eml", "expected.json", "why.md"}
            assert len((folder / "why.md").read_text().split()) > 8


def update():
    for folder in CASES:
        found = describe((folder / "message.eml").read_bytes())
        (folder / "expected.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__" and sys.argv[1:] == ["--update"]:
    update()
