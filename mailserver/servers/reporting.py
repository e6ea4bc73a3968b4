"""Sends the reports that are due, and reads those that came: what the steward does beside the relay.

Everything here waits for others, and nobody waits for it: domains are asked one lot after the other, on a thread.

Standards: RFC 8460 §3 (who wants reports), §5.4 (HTTPS); RFC 9990 §3.5, §4.
Limits: an HTTPS destination must be at a public address.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from mailserver.config import Config
from mailserver.delivery import dmarc_outcomes, dmarc_reports, received_reports, reporting, tls_reports
from mailserver.delivery.post_office import PostOffice
from mailserver.message.aggregate import Document
from mailserver.refusals import Refusal
from mailserver.servers.dns import answer_once
from mailserver.servers.https import HttpsFailed
from mailserver.servers.https_once import request_once
from mailserver.store.database import Transaction
from security import tls_rpt
from security.dns import Answer, Asking, ask, together
from security.networks import is_public
from security.report_uris import Destination, read_uri, willing

log = logging.getLogger("citymail.reports")

T = TypeVar("T")

# Seconds between looks for reports that are due or have come.
_INTERVAL = 600.0
_LOT = 50
_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE, _MOST_PAUSES = 600, 6 * 3600, 10_000
_TAKEN = (200, 201, 202, 204)

Day = tuple[str, str]  # the day and the domain


@dataclass(frozen=True, slots=True)
class World:
    """What reporting needs of the network: ``ask`` runs what asks the DNS, ``post`` gives a report to a host, and says
    whether that took it.
    """

    ask: Callable[[Asking[tuple[object, ...]]], tuple[object, ...]]
    post: Callable[[Destination, Document], bool]


def network(config: Config) -> World:
    return World(lambda asking: answer_once(config, asking, within=_SECONDS), partial(_post, config))


def _post(config: Config, to: Destination, document: Document) -> bool:
    try:
        answer = request_once(
            config,
            "POST",
            to.host,
            to.target,
            port=to.port,
            content_type=document.media_type,
            body=document.octets,
            is_allowed=is_public,
        )
    except HttpsFailed as fault:
        log.info("domain=%s its report could not be posted: %s", document.domain, fault)
        return False
    return answer.status in _TAKEN


def keep_reporting(office: PostOffice, ending: threading.Event) -> None:
    """Look again and again, until the process ends."""
    reporter = Reporter(office, network(office.config), ending.is_set)
    while not ending.is_set():
        try:
            reporter.run()
        except Exception:
            log.exception("reports could not be sent or read; trying again later")
        ending.wait(_INTERVAL)


class Reporter:
    """One process's reporter.  ``is_ending`` tells that the process wants to end."""

    def __init__(self, office: PostOffice, world: World, is_ending: Callable[[], bool] = lambda: False) -> None:
        self._office = office
        self._world = world
        self._is_ending = is_ending
        contact = reporting.contact_of(office.config)
        # RFC 8460 §5.3: the submitter's is the contact's domain, which signs
        submitter = contact.rpartition("@")[2]
        self._names = {"organization": office.config.city.name, "submitter": submitter, "contact": contact}
        # Who could not be reached is tried again after a while that grows (RFC 8460 §5.5).
        self._pauses: dict[Day, tuple[int, int]] = {}

    def run(self) -> None:
        """Everything that is due now."""
        settings = self._office.config.reports
        self._send(tls_reports.days_waiting, self._report_tls, self._forget_tls, wanted=settings.tls)
        self._send(dmarc_outcomes.days_waiting, self._report_dmarc, self._forget_dmarc, wanted=settings.dmarc)
        received_reports.read_new(self._office, self._is_ending)

    def _send(
        self,
        waiting: Callable[..., list[Day]],
        report: Callable[[Sequence[Day]], None],
        forget: Callable[[Sequence[Day]], None],
        *,
        wanted: bool,
    ) -> None:
        now, hostname = self._office.now(), self._office.config.city.hostname
        with self._office.store.read() as connection:
            days = waiting(connection, tls_reports.day_of(now))
        due = [entry for entry in days if reporting.is_due(hostname, entry[0], now) and not self._rests(entry, now)]
        kept, beyond = reporting.moderate(due) if wanted else ([], due)
        for start in range(0, len(kept), _LOT):
            if self._is_ending():
                return
            report(kept[start : start + _LOT])
        forget(beyond)

    # -- TLS

    def _report_tls(self, lot: Sequence[Day]) -> None:
        answers = self._world.ask(together(*(ask(tls_rpt.record_name(domain), "TXT") for _, domain in lot)))
        for (day, domain), answer in zip(lot, answers, strict=True):
            assert isinstance(answer, Answer)
            clear = partial(tls_reports.clear, day=day, domain=domain)
            if answer.failed:
                self._put_off((day, domain), clear)
                continue
            wanted = tls_rpt.read_record(answer.texts) or ()
            destinations = [found for uri in wanted if (found := read_uri(uri)) is not None]
            self._try((day, domain), clear, partial(self._deliver_tls, day, domain, destinations, clear))

    def _deliver_tls(
        self, day: str, domain: str, destinations: Sequence[Destination], clear: Callable[[Transaction], int]
    ) -> None:
        """Posted first: what is mailed is removed in the same transaction, and so ends it."""
        with self._office.store.read() as connection:
            document = tls_reports.make(connection, day, domain, **self._names)
        if document is None:
            return
        posts = [each for each in destinations if each.host]
        mails = [each for each in destinations if each.address]
        posted = [each for each in posts if self._world.post(each, document)]
        if posted:
            log.info("domain=%s gets its tls report at %s", domain, ", ".join(each.host for each in posted))
        if mails:
            reporting.mail(self._office, document, mails, clear)
        elif posted or not posts:
            reporting.forget(self._office, clear)
        else:
            self._put_off((day, domain), clear)

    def _forget_tls(self, lot: Sequence[Day]) -> None:
        for day, domain in lot:
            reporting.forget(self._office, partial(tls_reports.clear, day=day, domain=domain))

    # -- DMARC

    def _report_dmarc(self, lot: Sequence[Day]) -> None:
        policies = []
        for entry in lot:
            mine = list(self._policies([entry]))
            policies += mine[: reporting.MOST_POLICIES]
            self._forget_policies(mine[reporting.MOST_POLICIES :])
        askings = [willing(domain, json.loads(policy)["rua"]) for _, domain, policy in policies]
        answers = self._world.ask(together(*askings)) if askings else ()
        for (day, domain, policy), destinations in zip(policies, answers, strict=True):
            clear = partial(dmarc_outcomes.clear, day=day, domain=domain, policy=policy)
            if destinations is None:
                self._put_off((day, domain), clear)
                continue
            assert isinstance(destinations, tuple)
            deliver = partial(self._deliver_dmarc, day, domain, policy, destinations, clear)
            self._try((day, domain), clear, deliver)

    def _deliver_dmarc(
        self,
        day: str,
        domain: str,
        policy: str,
        destinations: tuple[Destination, ...],
        clear: Callable[[Transaction], int],
    ) -> None:
        if not destinations:
            reporting.forget(self._office, clear)
            return
        with self._office.store.read() as connection:
            document = dmarc_reports.make(connection, day, domain, policy, **self._names)
        if document is not None:
            reporting.mail(self._office, document, destinations, clear)

    def _policies(self, lot: Sequence[Day]) -> Iterator[tuple[str, str, str]]:
        with self._office.store.read() as connection:
            for day, domain in lot:
                for policy in dmarc_outcomes.policies_of(connection, day, domain):
                    yield day, domain, policy

    def _forget_dmarc(self, lot: Sequence[Day]) -> None:
        self._forget_policies(list(self._policies(lot)))

    def _forget_policies(self, policies: Sequence[tuple[str, str, str]]) -> None:
        for day, domain, policy in policies:
            clear = partial(dmarc_outcomes.clear, day=day, domain=domain, policy=policy)
            reporting.forget(self._office, clear)

    # -- another time

    def _try(self, entry: Day, clear: Callable[[Transaction], int], deliver: Callable[[], None]) -> None:
        """One report that cannot be made must not keep others from going out."""
        try:
            deliver()
        except Refusal:  # the store cannot write, for nobody
            raise
        except Exception:
            log.exception("domain=%s its report on %s could not be made", entry[1], entry[0])
            self._put_off(entry, clear)

    def _rests(self, entry: Day, now: int) -> bool:
        return entry in self._pauses and self._pauses[entry][0] > now

    def _put_off(self, entry: Day, clear: Callable[[Transaction], int]) -> None:
        now = self._office.now()
        if reporting.is_too_late(entry[0], now):
            self._pauses.pop(entry, None)
            reporting.forget(self._office, clear)
            return
        pause = min(2 * self._pauses.get(entry, (0, _FIRST_PAUSE // 2))[1], _LONGEST_PAUSE)
        if len(self._pauses) >= _MOST_PAUSES:
            self._pauses.clear()
        self._pauses[entry] = (now + pause, pause)
