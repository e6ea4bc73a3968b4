"""What ``make run`` prints: only what answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mailserver.config import Listen
from mailserver.demo import start


def test_the_table_names_every_port_that_listens_and_no_other(tmp_path: Path) -> None:
    ports = {name: 20_000 + port for name, port in start.PORTS.items()}
    description: dict[str, Any] = {
        "domain": start.DOMAIN,
        "ports": ports,
        "accounts": [{"address": "an@x.example", "password": "mật khẩu", "name": "An", "unit": "SYT"}],
        "ca_file": "ca.pem",
    }
    table = start._table(description, "127.0.0.1", tmp_path)
    shown = {name for name, port in ports.items() if f":{port}" in table}
    assert shown == set(ports) - set(start.NOT_SERVED_YET)
    # what the configuration cannot name is served by nobody
    assert {name for name in ports if not hasattr(Listen(), name)} == set(start.NOT_SERVED_YET)
