"""What an installation's configuration says of its certificates, and the work that is done for them in the background.

``keep_certificates`` runs on a thread of the steward.  Every minute it makes CRLs that are due, keeps the OCSP
responder's certificate current and fetches CRLs of others; it gives newcomers their certificates and takes leavers'
back as soon as the directory has changed, and goes through everybody once in six hours, a stretch at a time.

Private keys of people and mailboxes are made by the key process (``mailserver.key_process``).  A key of the
installation lies beside its data for the OCSP responder's, which serves.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from directory.database import Directory
from directory.faults import Fault
from directory.pki import enrolment, fetched_crls, ocsp_responders
from directory.pki.fetched_crls import FetchFault
from directory.pki.issuers import (
    DAY,
    Certifier,
    IssuerRow,
    Practice,
    active_issuer,
    crls_due,
    list_issuers,
    open_certifier,
    publish_crls,
)
from directory.tables import state
from mailserver.config import Config
from mailserver.key_process import key_process
from security.authority.key_kinds import KeyFault
from security.authority.key_places import Safe
from security.keys.made import KeyMaker
from security.keys.wrapping import WrappingFault, WrappingKey, make_installation_key

log = logging.getLogger("citymail.certificates")

ACTOR = enrolment.ACTOR
# Seconds between looks, and between going through everybody
_INTERVAL = 60.0
_THROUGH = 6 * 3600.0
# Seconds for which keys are made before all else is looked at again
_AT_A_STRETCH = 120.0
# So much less of the processor than who serves
_NICE = 10


def folder_of(config: Config) -> Path:
    return config.data / "pki"


def safe_of(config: Config) -> Safe:
    """What opens the authority's key.  Raises KeyFault."""
    named = config.pki.passphrase_file
    path = config.resolve(named) if named else folder_of(config) / "passphrase"
    try:
        passphrase = path.read_bytes().strip() if named or path.exists() else b""
        pin_file = config.pki.token_pin_file
        pin = config.resolve(pin_file).read_text(encoding="utf-8").strip() if pin_file else ""
    except OSError as fault:
        raise KeyFault(f"{fault.filename}: {fault.strerror}") from None
    return Safe(folder_of(config), passphrase, config.pki.token_library, pin)


def practice_of(config: Config) -> Practice:
    pki = config.pki
    return Practice(pki.host, config.city.name, "VN", pki.key, pki.days, min(pki.renew_days, pki.days // 2))


def responder_key(config: Config) -> WrappingKey:
    """Under which the key is wrapped that answers are signed with; if it is lost, another does as well.

    Raises OSError, WrappingFault.
    """
    return make_installation_key(folder_of(config) / "responder.key")


def open_issuer(config: Config, directory: Directory, keys: KeyMaker, row: IssuerRow | None = None) -> Certifier:
    """Who issues today, or a named one.  Raises Fault, KeyFault."""
    with directory.read() as conn:
        return open_certifier(row or active_issuer(conn), safe_of(config), keys, practice_of(config))


def fetcher(config: Config) -> fetched_crls.Fetch:
    """Fetches a CRL over HTTP; no redirects, and into our own networks only where the configuration says so."""
    # what needs a network is loaded by who goes there
    from mailserver.servers.https import HttpsFailed
    from mailserver.servers.https_once import request_once
    from security.networks import is_public

    def fetch(url: str) -> bytes:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise FetchFault("no URL") from None
        if not host or parts.username or parts.scheme not in ("http", "https"):
            raise FetchFault("no URL that we follow")
        is_plain = parts.scheme == "http"
        try:
            answer = request_once(
                config,
                "GET",
                host,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                port=port or (80 if is_plain else 443),
                is_plain=is_plain,
                most=fetched_crls.LARGEST,
                is_allowed=(lambda _: True) if host.lower() in config.pki.fetch_hosts else is_public,
            )
        except HttpsFailed as fault:
            raise FetchFault(str(fault)) from None
        if answer.status != 200:
            raise FetchFault(f"{host} answers {answer.status}")
        return answer.body

    return fetch


def keep_certificates(config: Config, directory: Directory, ending: threading.Event) -> None:
    """Until the process ends."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    keeper = Keeper(config, directory, key_process(config), fetcher(config), time.monotonic, ending.is_set)
    while not ending.is_set():
        keeper.look()
        ending.wait(_INTERVAL)


class Keeper:
    """What one look does, and remembers for the next."""

    def __init__(
        self,
        config: Config,
        directory: Directory,
        keys: KeyMaker,
        fetch: fetched_crls.Fetch,
        monotonic: Callable[[], float],
        is_over: Callable[[], bool],
    ) -> None:
        self._config = config
        self._directory = directory
        self._keys = keys
        self._fetch = fetch
        self._monotonic = monotonic
        self._is_over = is_over
        self._seen = -1  # of the directory's versions, for leavers
        self._version = -1  # the same, for newcomers
        self._reached = ""  # in a way through everybody that is not at its end
        self._went_through = float("-inf")

    def look(self) -> None:
        """Whatever is due.  What cannot be done is logged, and tried again the next time."""
        for task in (self._publish, self._keep_responders, self._enrol, self._fetch_others):
            try:
                task()
            except (Fault, KeyFault, OSError, WrappingFault) as fault:
                log.error("%s", fault)
            except Exception:
                log.exception("failed, trying again later")

    def _publish(self) -> None:
        with self._directory.read() as conn:
            due = crls_due(conn)
        for row in due:
            certifier = open_issuer(self._config, self._directory, self._keys, row)
            with self._directory.write() as conn:
                for made in publish_crls(conn, ACTOR, certifier):
                    log.info("%s CRL %d of %s", made.kind, made.number, row.fingerprint[:16])

    def _keep_responders(self) -> None:
        if not self._config.pki.host:
            return
        with self._directory.read() as conn:
            keyed = [row for row in list_issuers(conn) if row.key_place]
            wrapping = responder_key(self._config) if keyed else None
            lacking = [row for row in keyed if wrapping and ocsp_responders.is_due(conn, row.id, wrapping)]
        for row in lacking:
            assert wrapping is not None
            certifier = open_issuer(self._config, self._directory, self._keys, row)
            ocsp_responders.renew(self._directory, ACTOR, certifier, wrapping)
            log.info("a responder answers for %s", row.fingerprint[:16])

    def _enrol(self) -> None:
        if not self._config.pki.enrol:
            return
        with self._directory.read() as conn:
            version = conn.execute(select(state.c.version)).scalar_one()
        if version != self._seen:
            revoked = enrolment.take_back(self._directory)
            if revoked:
                log.info("%d revoked of those who are gone", revoked)
            self._seen = version
        is_due = self._monotonic() - self._went_through >= _THROUGH
        if self._reached or is_due:
            tally = self._reconcile(after=self._reached)
            self._reached = tally.reached
            if not tally.reached:
                self._went_through, self._version = self._monotonic(), version
        elif version != self._version and not self._reconcile(urgent_only=True).reached:
            self._version = version

    def _reconcile(self, *, after: str = "", urgent_only: bool = False) -> enrolment.Tally:
        """For some minutes: lists, answers and leavers wait for no newcomer."""
        certifier = open_issuer(self._config, self._directory, self._keys)
        end = certifier.issuer.certificate.not_valid_after_utc
        if not urgent_only and end.timestamp() < self._directory.clock() + certifier.practice.days * DAY:
            log.warning("%s ends on %s and needs a successor", certifier.row.fingerprint, end.date())
        until = self._monotonic() + _AT_A_STRETCH
        tally = enrolment.reconcile(
            self._directory,
            certifier,
            urgent_only=urgent_only,
            after=after,
            is_over=lambda: self._is_over() or self._monotonic() >= until,
            complain=log.error,
        )
        if tally.issued or tally.revoked or tally.expired:
            log.info(
                "%d issued, %d revoked, %d expired, of %d accounts",
                *(tally.issued, tally.revoked, tally.expired, tally.accounts),
            )
        return tally

    def _fetch_others(self) -> None:
        for url, problem in fetched_crls.refresh(self._directory, self._fetch):
            if problem:
                log.warning("no CRL from %s: %s", url, problem)
