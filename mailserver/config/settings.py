"""The whole configuration as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mailserver.config.ldap import Ldap
from mailserver.config.pki import Pki
from mailserver.config.protocols import Imap, Relay, Smtp
from mailserver.config.published import MtaSts
from mailserver.config.reception import Reception
from mailserver.config.reports import Reports
from mailserver.config.scanners import Scanners
from mailserver.config.sending import Sending
from mailserver.config.service import City, Listen, Log, Login, Storage, Tls, Webmail, Workers
from mailserver.config.smime import Smime
from mailserver.config.trust import Dns, Trust


@dataclass(frozen=True, slots=True)
class Config:
    city: City = field(default_factory=City, metadata={"doc": "The city"})
    storage: Storage = field(default_factory=Storage, metadata={"doc": "Where mail is kept"})
    listen: Listen = field(default_factory=Listen, metadata={"doc": "Addresses and ports"})
    tls: Tls = field(default_factory=Tls, metadata={"doc": "The server's certificate; reloaded on SIGHUP"})
    workers: Workers = field(default_factory=Workers, metadata={"doc": "Processes"})
    login: Login = field(default_factory=Login, metadata={"doc": "Passwords and guessing"})
    dns: Dns = field(default_factory=Dns, metadata={"doc": "Names and addresses of others"})
    trust: Trust = field(default_factory=Trust, metadata={"doc": "What is believed of mail from outside"})
    smtp: Smtp = field(default_factory=Smtp, metadata={"doc": "Receiving and submission"})
    reception: Reception = field(default_factory=Reception, metadata={"doc": "What clients are believed and allowed"})
    imap: Imap = field(default_factory=Imap, metadata={"doc": "IMAP"})
    ldap: Ldap = field(default_factory=Ldap, metadata={"doc": "The directory for address books (LDAP), read-only"})
    scanners: Scanners = field(default_factory=Scanners, metadata={"doc": "Scanners of other makers"})
    sending: Sending = field(default_factory=Sending, metadata={"doc": "What one login may send"})
    relay: Relay = field(default_factory=Relay, metadata={"doc": "Sending to other servers"})
    mta_sts: MtaSts = field(default_factory=MtaSts, metadata={"doc": "What others may rely on when they send to us"})
    pki: Pki = field(default_factory=Pki, metadata={"doc": "Certificates of people and mailboxes (S/MIME)"})
    smime: Smime = field(default_factory=Smime, metadata={"doc": "Signed and encrypted mail (S/MIME)"})
    reports: Reports = field(default_factory=Reports, metadata={"doc": "Reports between domains"})
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
