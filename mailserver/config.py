"""The installation's settings: one commented TOML file, read once into frozen values.

Every section is a dataclass below; a field's default, unit and comment stand together, and ``render`` writes the
commented file from the same fields, so that no option exists that the file does not show.  ``load`` collects
every mistake of a file, each named with its line, before it gives up.
"""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MEBIBYTE = 1024 * 1024


class ConfigFault(ValueError):
    """The file has mistakes; ``problems`` lists them as ``file:line: what is wrong``."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


# Forms that a text may have to have: the pattern, and how to say it.
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_HOST = rf"(?:{_NAME}|\[[0-9A-Fa-f:.]+\])"
_DOMAIN = (_NAME, "a domain name, as thanhpho.example")
_TARGET = (rf"{_HOST}(?::{_PORT})?", "host or host:port")
_RESOLVER = (
    rf"(?:[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::{_PORT})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*",
    "an IP address or address:port",
)
_DATABASE = (
    r"sqlite:///.+|postgresql\+psycopg://.+",
    "sqlite:///PATH or postgresql+psycopg://user:password@host/name",
)


def _option(default: Any, doc: str, **more: Any) -> Any:
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata={"doc": doc, **more})
    return field(default=default, metadata={"doc": doc, **more})


@dataclass(frozen=True, slots=True)
class City:
    domain: str = _option("thanhpho.example", "The city's mail domain; officials' addresses end in it.", form=_DOMAIN)
    domains: tuple[str, ...] = _option((), "Further domains that are ours.", form=_DOMAIN)
    hostname: str = _option(
        "mail.thanhpho.example", "The name of this server, as it greets and as its certificate says.", form=_DOMAIN
    )
    name: str = _option("Thành phố", "The city's name, shown in the webmail.")
    timezone: str = _option(
        "Asia/Ho_Chi_Minh",
        "Time zone in which IMAP and the webmail show dates, and days begin for searches.",
        zone=True,
    )

    @property
    def all_domains(self) -> tuple[str, ...]:
        return (self.domain, *self.domains)


@dataclass(frozen=True, slots=True)
class Storage:
    data: str = _option("data", "Folder of everything that is kept. Relative to this file.")
    database: str = _option(
        "",
        "Database URL of the mail store. Empty: SQLite in the data folder.\n"
        "PostgreSQL: postgresql+psycopg://user:password@host/name",
        form=_DATABASE,
        empty=True,
    )
    directory: str = _option(
        "",
        "Database URL of the staff directory. Empty: as database, or SQLite in the data folder.",
        form=_DATABASE,
        empty=True,
    )
    inline_limit: int = _option(
        131_072, "Bodies up to this many octets are kept in the database, larger ones in files.", low=0
    )
    recoverable_days: int = _option(30, "Days for which removed mail can be brought back.", low=0)


@dataclass(frozen=True, slots=True)
class Listen:
    host: str = _option("0.0.0.0", "Address to listen on.")  # noqa: S104  (a mail server serves the network)
    smtp: int = _option(25, "Mail from other servers. 0 turns a service off, here and below.", low=0, high=65535)
    submission: int = _option(587, "Submission with STARTTLS.", low=0, high=65535)
    submissions: int = _option(465, "Submission under TLS.", low=0, high=65535)
    lmtp: int = _option(0, "LMTP (standard port 24), for trusted networks only.", low=0, high=65535)
    imap: int = _option(143, "IMAP with STARTTLS.", low=0, high=65535)
    imaps: int = _option(993, "IMAP under TLS.", low=0, high=65535)
    http: int = _option(
        80, "Webmail: redirects to HTTPS, but for networks named in [webmail] plain_http.", low=0, high=65535
    )
    https: int = _option(443, "Webmail.", low=0, high=65535)


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: str = _option("", "PEM file: certificate of this server and its intermediates.")
    key: str = _option("", "PEM file: its private key.")
    client_authorities: str = _option(
        "",
        "PEM file: authorities whose certificates log officials in to IMAP and submission (EXTERNAL), by the mail\n"
        "address in them. Empty: clients are asked for none.",
    )


@dataclass(frozen=True, slots=True)
class Workers:
    mail: int = _option(2, "Processes that serve SMTP, IMAP and LMTP.", low=1, high=256)
    web: int = _option(1, "Processes that serve the webmail. 0 turns it off.", low=0, high=256)
    threads: int = _option(8, "Threads of each process for heavy work.", low=1, high=256)


@dataclass(frozen=True, slots=True)
class Login:
    never_slowed: tuple[Network, ...] = _option((), 'Networks that are never slowed, as ["127.0.0.0/8"].')
    plaintext_networks: tuple[Network, ...] = _option((), "Networks that may log in to IMAP without TLS.")
    proven_minutes: int = _option(15, "Minutes for which a proven login is not hashed again.", low=0)
    scram: bool = _option(
        True,
        "Offer SCRAM-SHA-256, and keep what it needs beside each Argon2id hash; to a thief of the database that is\n"
        "easier to guess by. false: not offered, and what was kept is removed.",
    )
    scram_plus: tuple[str, ...] = _option(
        ("imap",),
        'Where SCRAM is also offered bound to the TLS connection (SCRAM-SHA-256-PLUS): "imap", "submission".\n'
        "Some programs (neomutt with GNU SASL, when it sends) take it, cannot do it, and try nothing else.",
        choices=("imap", "submission"),
    )
    oauth_issuer: str = _option(
        "", "Issuer whose tokens log in to IMAP and submission (OAUTHBEARER), as its tokens name it. Empty: none."
    )
    oauth_audience: str = _option("", "Audience that those tokens must be meant for; needed with an issuer.")
    oauth_keys: str = _option("", "File with the issuer's public keys (a JWK set), read again when it changes.")
    oauth_claim: str = _option("email", "Claim of the token that holds the account's address.")


@dataclass(frozen=True, slots=True)
class Smtp:
    max_message_size: int = _option(50 * MEBIBYTE, "Largest message, octets.", low=65_536)
    max_recipients: int = _option(1000, "Recipients of one transaction (RFC 5321 §4.5.3.1.8 asks for 100).", low=100)
    max_hops: int = _option(50, "Received fields at which a message is taken for a loop.", low=10)
    lmtp_networks: tuple[Network, ...] = _option((), "Networks that may deliver over LMTP.")
    max_connections_per_client: int = _option(50, "Connections of one address at a time.", low=1)
    connection_exempt: tuple[Network, ...] = _option((), "Networks without that limit.")


@dataclass(frozen=True, slots=True)
class Imap:
    append_limit: int = _option(50 * MEBIBYTE, "Largest message that APPEND takes, octets (RFC 7889).", low=65_536)
    message_limit: int = _option(
        0,
        "Most messages that one FETCH, SEARCH, STORE, COPY, MOVE, APPEND or UID EXPUNGE works on (RFC 9738), 1000 or\n"
        "more; old clients then see only the newest of a larger mailbox. 0: no limit.",
        low=0,
    )
    save_limit: int = _option(0, "The same for COPY and APPEND alone. 0: no limit.", low=0)
    literal_plus: bool = _option(
        True,
        "Clients may send literals of any size without asking (LITERAL+). false: up to 4096 octets (LITERAL-), so\n"
        "that too large a message is refused before it is sent.",
    )
    max_connections_per_account: int = _option(100, "Connections of one account at a time.", low=1)
    max_connections_per_client: int = _option(20_000, "Connections of one address at a time.", low=1)
    max_strangers_per_client: int = _option(
        1000, "Connections of one address that have not logged in, at a time.", low=1
    )
    connection_exempt: tuple[Network, ...] = _option((), "Networks without the two limits of addresses.")
    unauthenticate: bool = _option(
        True, "Whether a connection may be logged out and used for another account (RFC 8437)."
    )
    idle_minutes: int = _option(
        30, "Minutes of silence after which a client is logged out (RFC 9051 §5.4: 30 at least).", low=30
    )


@dataclass(frozen=True, slots=True)
class Relay:
    enabled: bool = _option(True, "Send mail to other servers.")
    resolver: str = _option(
        "",
        "Address of the DNS resolver, as 127.0.0.1 or 127.0.0.1:5353. Empty: the system's.",
        form=_RESOLVER,
        empty=True,
    )
    smarthost: str = _option(
        "", "host:port through which everything goes. Empty: to each domain's own MX.", form=_TARGET, empty=True
    )
    port: int = _option(25, "Port of other servers.", low=1, high=65535)
    routes: Mapping[str, str] = _option(
        {}, 'Domains with a route of their own: { "bo.example" = "mail.bo.example:25" }', form=_TARGET
    )
    schedule: tuple[int, ...] = _option(
        (300, 900, 1800, 3600, 7200, 14_400),
        "Seconds until the next try, one for each failure; the last repeats (RFC 5321 §4.5.4.1).",
        low=1,
        filled=True,
    )
    give_up_after: int = _option(5 * 86_400, "Seconds after which a message that cannot be sent is returned.", low=60)
    warn_after: int = _option(4 * 3600, "Seconds after which its sender is told of the delay. 0: never.", low=0)
    concurrency: int = _option(50, "Connections to other servers at a time.", low=1)
    per_destination: int = _option(5, "Connections to one server at a time.", low=1)


@dataclass(frozen=True, slots=True)
class Webmail:
    session_idle_minutes: int = _option(30, "Minutes of silence after which a session ends.", low=1)
    session_hours: int = _option(12, "Hours after which a session ends in any case.", low=1)
    plain_http: tuple[Network, ...] = _option((), "Networks that may use the webmail without TLS.")
    language: str = _option("vi", "Language before a person has chosen: vi or en.", choices=("vi", "en"))


@dataclass(frozen=True, slots=True)
class Log:
    level: str = _option("info", "debug, info, warning or error.", choices=("debug", "info", "warning", "error"))
    format: str = _option("text", "text or json.", choices=("text", "json"))


@dataclass(frozen=True, slots=True)
class Config:
    city: City = field(default_factory=City, metadata={"doc": "The city"})
    storage: Storage = field(default_factory=Storage, metadata={"doc": "Where mail is kept"})
    listen: Listen = field(default_factory=Listen, metadata={"doc": "Addresses and ports"})
    tls: Tls = field(default_factory=Tls, metadata={"doc": "The server's certificate; reloaded on SIGHUP"})
    workers: Workers = field(default_factory=Workers, metadata={"doc": "Processes"})
    login: Login = field(default_factory=Login, metadata={"doc": "Passwords and guessing"})
    smtp: Smtp = field(default_factory=Smtp, metadata={"doc": "Receiving and submission"})
    imap: Imap = field(default_factory=Imap, metadata={"doc": "IMAP"})
    relay: Relay = field(default_factory=Relay, metadata={"doc": "Sending to other servers"})
    webmail: Webmail = field(default_factory=Webmail, metadata={"doc": "Webmail"})
    log: Log = field(default_factory=Log, metadata={"doc": "Log"})
    path: Path | None = field(default=None, metadata={"internal": True})

    @property
    def data(self) -> Path:
        base = self.path.parent if self.path else Path.cwd()
        return (base / self.storage.data).resolve()

    def resolve(self, name: str) -> Path:
        """A file named in the configuration, relative to it."""
        return ((self.path.parent if self.path else Path.cwd()) / name).resolve()

    @property
    def store_url(self) -> str:
        return self.storage.database or f"sqlite:///{self.data / 'mail.db'}"

    @property
    def directory_url(self) -> str:
        return self.storage.directory or self.storage.database or f"sqlite:///{self.data / 'directory.db'}"


def load(path: Path) -> Config:
    """Read the file.  Raises ConfigFault naming every mistake with its line, OSError if it cannot be read."""
    octets = path.read_bytes()
    try:
        text = octets.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as fault:
        line = octets.count(b"\n", 0, fault.start) + 1
        raise ConfigFault([f"{path}:{line}: the file must be UTF-8"]) from None
    except tomllib.TOMLDecodeError as fault:
        raise ConfigFault([_with_line(path, str(fault), text)]) from None
    reader = _Reader(text)
    sections: dict[str, Any] = {}
    known = {f.name: f for f in fields(Config) if not f.metadata.get("internal")}
    for name, value in document.items():
        if name not in known:
            reader.complain(
                name,
                None,
                f"unknown section [{name}]" if isinstance(value, dict) else f"unknown key {name!r}",
            )
        elif not isinstance(value, dict):
            reader.complain(name, None, f"{name!r} must be a section, [{name}]")
        else:
            section_type = typing.cast("type", known[name].default_factory)
            sections[name] = reader.section(name, section_type, value)
    reader.compare(sections)
    if reader.problems:
        raise ConfigFault([f"{path}:{line}: {what}" for line, what in sorted(reader.problems)])
    return Config(**sections, path=path.resolve())


def _with_line(path: Path, fault: str, text: str) -> str:
    """tomllib writes ``… (at line 3, column 5)`` or ``… (at end of document)`` after what is wrong."""
    place = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", fault, re.DOTALL)
    if not place:
        return f"{path}:1: {fault}"
    return f"{path}:{place[2] or len(text.splitlines())}: {place[1]}"


class _Reader:
    def __init__(self, text: str) -> None:
        self.problems: list[tuple[int, str]] = []
        self.lines = _locate_keys(text)

    def complain(self, section: str, key: str | None, what: str) -> None:
        line = self.lines.get((section, key)) or self.lines.get((section, None)) or self.lines.get(("", section), 1)
        self.problems.append((line, what))

    def section(self, name: str, section_type: type, values: dict[str, Any]) -> Any:
        hints = typing.get_type_hints(section_type)
        known = {f.name: f for f in fields(section_type)}
        accepted: dict[str, Any] = {}
        for key, value in values.items():
            if key not in known:
                self.complain(name, key, f"unknown key {key!r} in [{name}]; known: {', '.join(known)}")
                continue
            try:
                accepted[key] = _convert(value, hints[key], known[key].metadata)
            except ValueError as fault:
                self.complain(name, key, f"[{name}] {key}: {fault}")
        return section_type(**accepted)

    def compare(self, sections: Mapping[str, Any]) -> None:
        """What is wrong only beside another option."""
        tls: Tls = sections.get("tls") or Tls()
        for given, missing in (("certificate", "key"), ("key", "certificate")):
            if getattr(tls, given) and not getattr(tls, missing):
                self.complain("tls", given, f"[tls] {given} is named without a {missing}")
        if tls.client_authorities and not tls.certificate:
            self.complain("tls", "client_authorities", "[tls] client_authorities is named without a certificate")
        login: Login = sections.get("login") or Login()
        for needed in ("oauth_audience", "oauth_keys", "oauth_claim"):
            if login.oauth_issuer and not getattr(login, needed):
                self.complain("login", "oauth_issuer", f"[login] oauth_issuer is named without {needed}")
        listen: Listen = sections.get("listen") or Listen()
        taken: dict[int, str] = {}
        for option in fields(Listen):
            port = getattr(listen, option.name)
            if option.name != "host" and port and taken.setdefault(port, option.name) != option.name:
                self.complain(
                    "listen", option.name, f"[listen] {option.name}: {port} is the port of {taken[port]} already"
                )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _convert(value: Any, wanted: Any, rules: Mapping[str, Any]) -> Any:
    origin = typing.get_origin(wanted)
    if wanted is bool:
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, not {value!r}")
    elif wanted is int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a whole number, not {value!r}")
        if "low" in rules and value < rules["low"]:
            raise ValueError(f"must be at least {rules['low']}, not {value}")
        if "high" in rules and value > rules["high"]:
            raise ValueError(f"must be at most {rules['high']}, not {value}")
    elif wanted is str:
        if not isinstance(value, str):
            raise ValueError(f"must be a text in quotes, not {value!r}")
        if rules.get("zone") and not _is_zone(value):
            raise ValueError(f"must be a time zone, as Asia/Ho_Chi_Minh, not {value!r}")
        if "choices" in rules and value not in rules["choices"]:
            raise ValueError(f"must be one of {', '.join(rules['choices'])}, not {value!r}")
        if "form" in rules and not (value == "" and rules.get("empty")):
            pattern, wording = rules["form"]
            if not re.fullmatch(pattern, value):
                raise ValueError(f"must be {wording}, not {value!r}")
    elif origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"must be a list in brackets, not {value!r}")
        if rules.get("filled") and not value:
            raise ValueError("must name one at least")
        return tuple(_convert(item, typing.get_args(wanted)[0], rules) for item in value)
    elif origin is types.UnionType:  # Network
        if not isinstance(value, str):
            raise ValueError(f"must be networks in quotes, not {value!r}")
        try:
            return ipaddress.ip_network(value)
        except ValueError as fault:
            raise ValueError(f"{value!r} is not a network: {fault}") from None
    else:  # Mapping[str, str]
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise ValueError('must be a table of texts, { "a" = "b" }')
        return types.MappingProxyType({key: _convert(item, str, rules) for key, item in value.items()})
    return value


def _locate_keys(text: str) -> dict[tuple[str, str | None], int]:
    """(section, key) → line; (section, None) → line of its header.  Only for messages: tomllib gives no lines."""
    places: dict[tuple[str, str | None], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\].]+?)\s*(?:\.\s*([^\[\].]+?)\s*)?\]", line)
        if header:
            section = header[1].strip("\"'")
            places.setdefault((section, None), number)
            if header[2]:
                places.setdefault((section, header[2].strip("\"'")), number)
            continue
        key = re.match(r"\s*([A-Za-z0-9_-]+|\"[^\"]+\"|'[^']+')\s*(?:\.|=)", line)
        if key:
            places.setdefault((section, key[1].strip("\"'")), number)
    return places


def render(values: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The whole configuration as a commented TOML text; options not in ``values`` are shown commented out."""
    values = values or {}
    out = [
        "# CityMail. A line that begins with '#' and a name shows the default; remove the '#' to change it.",
        "",
    ]
    for part in fields(Config):
        if part.metadata.get("internal"):
            continue
        section_type = typing.cast("type[Any]", part.default_factory)
        out += [f"# {part.metadata['doc']}", f"[{part.name}]"]
        given = values.get(part.name, {})
        for option in fields(section_type):
            default = option.default if option.default is not MISSING else {}
            out += [f"# {line}" for line in option.metadata["doc"].split("\n")]
            prefix = "" if option.name in given else "#"
            out.append(f"{prefix}{option.name} = {_toml(given.get(option.name, default))}")
        out.append("")
    return "\n".join(out)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item if isinstance(item, str | int) else str(item)) for item in value) + "]"
    return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }" if value else "{}"
