"""``citymail demo``: the real system on its embedded default, with a city in it to look at.

Built once into a folder; a build that was cut short is begun again.  A later start keeps everything, the edited
configuration included, and changes only the ports it is told.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

import click

from mailserver.config import Config, load, render

DOMAIN = "tphcm.example"
# Standard ports; each service listens on PORT_BASE + its own.
PORTS = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "ldap": 389,
    "ldaps": 636,
    "managesieve": 4190,
    "lmtp": 24,
    "http": 80,
    "https": 443,
}
# Services of the table above that this version does not serve yet; their ports are only kept free.
NOT_SERVED_YET = ("managesieve",)
_LOOPBACK = ("127.0.0.0/8", "::1/128")


def start(data: Path, port_base: int, host: str) -> None:
    """Build on first start, then serve until told to end.  Raises OSError when a port is taken."""
    from mailserver.processes import serve

    data = data.resolve()
    config_path = data / "citymail.toml"
    card = data / "demo.json"
    if card.exists() and config_path.exists():
        _set_ports(config_path, port_base, host)
        config = load(config_path)
        description = json.loads(card.read_text(encoding="utf-8"))
    else:
        config = _new_config(data, config_path, port_base, host)
        description = {"accounts": _build(config)}
    description = {
        "domain": config.city.domain,
        "ports": {name: port_base + port for name, port in PORTS.items()},
        "accounts": description["accounts"],
        "ca_file": str(data / "tls" / "ca.pem"),
    }
    card.write_text(json.dumps(description, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    click.echo(_table(description, host, data))
    serve(config, on_ready=lambda: click.echo("ready"))


def _new_config(data: Path, config_path: Path, port_base: int, host: str) -> Config:
    data.mkdir(parents=True, exist_ok=True)
    for leftover in ("mail.db", "directory.db"):
        for path in data.glob(f"{leftover}*"):
            path.unlink()
    listening = {name: port_base + port for name, port in PORTS.items() if name not in NOT_SERVED_YET}
    config_path.write_text(
        render(
            {
                "city": {"domain": DOMAIN, "hostname": f"mail.{DOMAIN}", "name": "Thành phố Hồ Chí Minh"},
                "storage": {"data": "."},
                "listen": {"host": host, **listening},
                "tls": {"certificate": "tls/server.pem", "key": "tls/server.key"},
                "login": {"never_slowed": _LOOPBACK, "plaintext_networks": _LOOPBACK},
                "smtp": {"lmtp_networks": _LOOPBACK, "connection_exempt": _LOOPBACK},
                "imap": {"max_connections_per_account": 10_000, "connection_exempt": _LOOPBACK},
                "ldap": {"plaintext_networks": _LOOPBACK},
                "webmail": {"plain_http": _LOOPBACK},
                "log": {"level": "warning"},
            }
        ),
        encoding="utf-8",
    )
    return load(config_path)


def _set_ports(config_path: Path, port_base: int, host: str) -> None:
    """Only the numbers change, so that what a person wrote into the file stays."""
    text = config_path.read_text(encoding="utf-8")
    head, found, rest = text.partition("[listen]")
    section, bracket, tail = rest.partition("\n[")
    section = re.sub(r'(?m)^host = ".*"$', f'host = "{host}"', section)
    for name, port in PORTS.items():
        section = re.sub(rf"(?m)^{name} = \d+$", f"{name} = {port_base + port}", section)
    changed = head + found + section + bracket + tail
    if changed != text:
        config_path.write_text(changed, encoding="utf-8")


def _build(config: Config) -> list[dict[str, Any]]:
    from mailserver.demo.city import build_city
    from mailserver.demo.mail import fill_mailboxes
    from mailserver.installation import install
    from mailserver.wiring import build

    click.echo("Building the demo city (once) …")
    install(config)
    system = build(config)
    try:
        accounts = build_city(system.directory, config.city.domain, "demo-" + secrets.token_hex(4))
        fill_mailboxes(system, accounts)
    finally:
        system.close()
    return [
        {"address": each.address, "password": each.password, "name": each.name, "unit": each.unit} for each in accounts
    ]


def _table(description: dict[str, Any], host: str, data: Path) -> str:
    ports, accounts = description["ports"], description["accounts"]
    rows = [
        ("Webmail", f"https://{host}:{ports['https']}/   (http://{host}:{ports['http']}/ from this machine)"),
        ("IMAP", f"{host}:{ports['imap']} (STARTTLS), {host}:{ports['imaps']} (TLS)"),
        ("Submission", f"{host}:{ports['submission']} (STARTTLS), {host}:{ports['submissions']} (TLS)"),
        ("SMTP, LMTP", f"{host}:{ports['smtp']}, {host}:{ports['lmtp']}"),
        ("LDAP", f"{host}:{ports['ldap']} (from this machine), {host}:{ports['ldaps']} (TLS)"),
        ("Certificate", description["ca_file"]),
        ("Settings", str(data / "citymail.toml")),
    ]
    lines = ["", "CityMail — Thành phố Hồ Chí Minh (demo)", ""]
    lines += [f"  {name:<12} {text}" for name, text in rows]
    lines += ["", f"  {'Account':<34} {'Password':<15} Name, unit"]
    shown = accounts[:12]
    lines += [f"  {each['address']:<34} {each['password']:<15} {each['name']}, {each['unit']}" for each in shown]
    if len(accounts) > len(shown):
        lines.append(f"  … and {len(accounts) - len(shown)} more in {data / 'demo.json'}")
    lines.append("")
    return "\n".join(lines)
