"""Sections of the configuration that say who we are, where things lie and who may come in."""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.config.options import DATABASE, DOMAIN, MEBIBYTE, Network, option


@dataclass(frozen=True, slots=True)
class City:
    domain: str = option("thanhpho.example", "The city's mail domain; officials' addresses end in it.", form=DOMAIN)
    domains: tuple[str, ...] = option((), "Further domains that are ours.", form=DOMAIN)
    hostname: str = option(
        "mail.thanhpho.example", "The name of this server, as it greets and as its certificate says.", form=DOMAIN
    )
    name: str = option("Thành phố", "The city's name, shown in the webmail.")
    timezone: str = option(
        "Asia/Ho_Chi_Minh",
        "Time zone in which IMAP and the webmail show dates, and days begin for searches.",
        zone=True,
    )

    @property
    def all_domains(self) -> tuple[str, ...]:
        return (self.domain, *self.domains)


@dataclass(frozen=True, slots=True)
class Storage:
    data: str = option("data", "Folder of everything that is kept. Relative to this file.")
    database: str = option(
        "",
        "Database URL of the mail store. Empty: SQLite in the data folder.\n"
        "PostgreSQL: postgresql+psycopg://user:password@host/name",
        form=DATABASE,
        empty=True,
    )
    directory: str = option(
        "",
        "Database URL of the staff directory. Empty: as database, or SQLite in the data folder.",
        form=DATABASE,
        empty=True,
    )
    inline_limit: int = option(
        131_072, "Bodies up to this many octets are kept in the database, larger ones in files.", low=0
    )
    recoverable_days: int = option(30, "Days for which removed mail can be brought back.", low=0)
    leavers_days: int = option(
        0,
        "Days after which mail of officials who left is removed, if nobody has custody of it.\n0: it is kept for ever.",
        low=0,
    )


@dataclass(frozen=True, slots=True)
class Listen:
    host: str = option("0.0.0.0", "Address to listen on.")  # noqa: S104  (a mail server serves the network)
    smtp: int = option(25, "Mail from other servers. 0 turns a service off, here and below.", low=0, high=65535)
    submission: int = option(587, "Submission with STARTTLS.", low=0, high=65535)
    submissions: int = option(465, "Submission under TLS.", low=0, high=65535)
    lmtp: int = option(0, "LMTP (standard port 24), for trusted networks only.", low=0, high=65535)
    imap: int = option(143, "IMAP with STARTTLS.", low=0, high=65535)
    imaps: int = option(993, "IMAP under TLS.", low=0, high=65535)
    ldap: int = option(0, "LDAP (standard port 389).", low=0, high=65535)
    ldaps: int = option(0, "LDAP under TLS (standard port 636).", low=0, high=65535)
    http: int = option(
        80, "Webmail: redirects to HTTPS, but for networks named in [webmail] plain_http.", low=0, high=65535
    )
    https: int = option(443, "Webmail.", low=0, high=65535)


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: str = option("", "PEM file: certificate of this server and its intermediates.")
    key: str = option("", "PEM file: its private key.")
    client_authorities: str = option(
        "",
        "PEM file: authorities whose certificates log officials in to IMAP, submission and LDAP (EXTERNAL), by the\n"
        "mail address in them. Empty: clients are asked for none.",
    )


@dataclass(frozen=True, slots=True)
class Workers:
    mail: int = option(2, "Processes that serve SMTP, IMAP, LMTP and LDAP.", low=1, high=256)
    web: int = option(1, "Processes that serve the webmail. 0 turns it off.", low=0, high=256)
    threads: int = option(8, "Threads of each process for heavy work.", low=1, high=256)


@dataclass(frozen=True, slots=True)
class Login:
    never_slowed: tuple[Network, ...] = option((), 'Networks that are never slowed, as ["127.0.0.0/8"].')
    plaintext_networks: tuple[Network, ...] = option((), "Networks that may log in to IMAP without TLS.")
    proven_minutes: int = option(15, "Minutes for which a proven login is not hashed again.", low=0)
    scram: bool = option(
        True,
        "Offer SCRAM-SHA-256, and keep what it needs beside each Argon2id hash; to a thief of the database that is\n"
        "easier to guess by. false: not offered, and what was kept is removed.",
    )
    scram_plus: tuple[str, ...] = option(
        ("imap",),
        'Where SCRAM is also offered bound to the TLS connection (SCRAM-SHA-256-PLUS): "imap", "submission".\n'
        "Some programs (neomutt with GNU SASL, when it sends) take it, cannot do it, and try nothing else.",
        choices=("imap", "submission"),
    )
    oauth_issuer: str = option(
        "", "Issuer whose tokens log in to IMAP and submission (OAUTHBEARER), as its tokens name it. Empty: none."
    )
    oauth_audience: str = option("", "Audience that those tokens must be meant for; needed with an issuer.")
    oauth_keys: str = option("", "File with the issuer's public keys (a JWK set), read again when it changes.")
    oauth_claim: str = option("email", "Claim of the token that holds the account's address.")


@dataclass(frozen=True, slots=True)
class Webmail:
    session_idle_minutes: int = option(30, "Minutes of silence after which a session ends.", low=1)
    session_hours: int = option(12, "Hours after which a session ends in any case.", low=1)
    plain_http: tuple[Network, ...] = option((), "Networks that may use the webmail without TLS.")
    language: str = option("vi", "Language before a person has chosen: vi or en.", choices=("vi", "en"))
    undo_seconds: int = option(
        10,
        "Seconds for which what was sent can be taken back, before a person has chosen. 0: not at all.",
        low=0,
        high=30,
    )
    remote_pictures: bool = option(
        True,
        "Whether readers may have pictures of messages fetched from elsewhere: only when they ask, and by this server.",
    )
    link_days: int = option(14, "Days for which a file that was sent as a link can be fetched.", low=1, high=365)
    link_size: int = option(
        500 * MEBIBYTE, "Largest file that is sent as a link, octets. 0: none can be.", low=0, high=16 * 1024 * MEBIBYTE
    )


@dataclass(frozen=True, slots=True)
class Log:
    level: str = option("info", "debug, info, warning or error.", choices=("debug", "info", "warning", "error"))
    format: str = option("text", "text or json.", choices=("text", "json"))
