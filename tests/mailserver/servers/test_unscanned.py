"""The steward scans by itself what came without a scan."""

from __future__ import annotations

import threading
import time

from mailserver.config import load, render
from mailserver.installation import install
from mailserver.store import messages
from mailserver.store.messages import Target
from mailserver.store.unscanned import ANYWHERE
from mailserver.wiring import build


def test_the_steward_scans_by_itself(tmp_path):
    path = tmp_path / "citymail.toml"
    sections = {"city": {"domain": "city.vn", "hostname": "mail.city.vn"}, "storage": {"data": str(tmp_path)}}
    path.write_text(render(sections))
    install(load(path))
    system = build(load(path))
    store = system.store
    target = Target(store.maildrop("an").id)
    entries = [(store.prepare(b"Subject: %d\r\n\r\n" % number, scans=False), target) for number in range(150)]
    store.write(lambda tx: messages.append_many(tx, entries)).result()
    assert not store.is_scanned(ANYWHERE)
    ending = threading.Event()
    thread = threading.Thread(target=store.keep_scanning, args=(ending,))
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not store.is_scanned(ANYWHERE) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert store.is_scanned(ANYWHERE)
        assert store.check_consistency() == []
    finally:
        ending.set()
        thread.join()
        system.close()
