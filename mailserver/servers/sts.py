"""MTA-STS policies of other domains: looked for in the DNS, fetched over HTTPS, kept in the store.

Standards: RFC 8461 §3.1, §3.3, §5.1: a policy that was fetched binds until it ends, or a newer one takes its place;
that it cannot be fetched changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import OrderedDict

from mailserver.delivery import peers
from mailserver.delivery.post_office import PostOffice
from mailserver.refusals import Refusal
from mailserver.servers.asking import ask
from mailserver.servers.dns import Dns
from mailserver.servers.https import HttpsFailed, request
from security import mta_sts
from security.dns import Question
from security.mta_sts import Known, Policy, PolicyFault
from security.tls import client_context

log = logging.getLogger("citymail.relay")

HTTPS_PORT = 443
FETCH_SECONDS = 30.0
# A domain whose policy could not be fetched is left alone for so long (RFC 8461 §3.3).
FAILURE_SECONDS = 300
_REMEMBERED = 20_000


class StsPolicies:
    def __init__(self, office: PostOffice, dns: Dns) -> None:
        self._office = office
        self._dns = dns
        self._context: ssl.SSLContext | None = None
        self._known: OrderedDict[str, Known | None] = OrderedDict()
        self._failed_until: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[Known | None]] = {}

    async def policy_of(self, domain: str) -> Policy | None:
        """The policy that binds now, also one that is only tested; None for most domains."""
        known = await self._recall(domain)
        (answer,) = await self._dns.ask((Question(mta_sts.record_name(domain), "TXT"),))
        policy_id = mta_sts.read_record(answer.texts)
        now = self._office.now()
        if mta_sts.must_fetch(known, policy_id, now) and self._failed_until.get(domain, 0) <= now:
            assert policy_id is not None
            known = await self._fetch_once(domain, policy_id) or known
        return mta_sts.in_force(known, self._office.now())

    async def _recall(self, domain: str) -> Known | None:
        if domain in self._known:
            self._known.move_to_end(domain)
            return self._known[domain]
        office = self._office

        def read() -> Known | None:
            with office.store.read() as connection:
                return peers.known_policy(connection, domain)

        known = await ask(office, read)
        self._remember(domain, known)
        return known

    def _remember(self, domain: str, known: Known | None) -> None:
        self._known[domain] = known
        self._known.move_to_end(domain)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _fetch_once(self, domain: str, policy_id: str) -> Known | None:
        """Whoever asks meanwhile waits for the same answer."""
        task = self._fetching.get(domain)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(domain, policy_id))
            self._fetching[domain] = task
            task.add_done_callback(lambda _: self._fetching.pop(domain, None))
        return await asyncio.shield(task)

    async def _fetch(self, domain: str, policy_id: str) -> Known | None:
        office = self._office
        try:
            octets = await self._get(domain)
            policy = mta_sts.read_policy(octets)
        except (HttpsFailed, PolicyFault) as fault:
            log.warning("domain=%s has an MTA-STS record, and no policy can be fetched: %s", domain, fault)
            if len(self._failed_until) >= _REMEMBERED:
                self._failed_until.clear()
            self._failed_until[domain] = office.now() + FAILURE_SECONDS
            return None
        known = Known(policy_id, policy, office.now() + policy.max_age)
        self._remember(domain, known)
        try:
            await asyncio.wrap_future(
                office.store.write(lambda tx: peers.keep_policy(tx, domain, policy_id, octets, known.until))
            )
        except Refusal as refusal:  # it binds this process all the same
            log.error("domain=%s its MTA-STS policy could not be kept: %s", domain, refusal.reason)
        log.info("domain=%s MTA-STS %s, id %s", domain, policy.mode.value, policy_id)
        return known

    async def _get(self, domain: str) -> bytes:
        host = mta_sts.host_name(domain)
        found = await self._dns.addresses(host)
        if not found.names:
            raise HttpsFailed(f"{host} has no address ({found.fault or found.status.value})")
        if self._context is None:
            named = self._office.config.relay.authorities
            self._context = client_context(ca_file=self._office.config.resolve(named) if named else None)
        answer = await request(
            "GET",
            host,
            mta_sts.WELL_KNOWN,
            addresses=found.names,
            context=self._context,
            port=HTTPS_PORT,
            seconds=FETCH_SECONDS,
            most=mta_sts.MAX_POLICY,
        )
        # §3.3: nothing but 200 counts, redirects are not followed, and the type guards against stray uploads.
        if answer.status != 200 or answer.content_type != "text/plain":
            raise HttpsFailed(f"{host} answers {answer.status} with {answer.content_type or 'no type'}")
        return answer.body
