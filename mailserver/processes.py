"""What the processes of an installation are, and what each does with its life.

``mail`` workers serve SMTP, LMTP, IMAP and LDAP on one event loop each; ``web`` workers the webmail; one ``steward``
sends to other servers and forgets what may be forgotten; ``keys`` holds private keys; ``index`` comes when it is called
and stands behind them all.  All are children of the supervisor and share its sockets.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from directory.housekeeping import tidy_up
from directory.pki.certificates import is_any_known
from mailserver import logs
from mailserver.config import Config, ConfigFault, load
from mailserver.delivery import approval_notices, recovery_notices
from mailserver.forgetting import forget
from mailserver.imap.recent import RecentMail
from mailserver.rehearsal import share_memory
from mailserver.servers.keys import guard_handed_key, leave_handed_key
from mailserver.servers.smtp_conduct import Conduct, conduct_memory
from mailserver.servers.supervisor import Bell, Ready, Role, Supervisor, bind
from mailserver.servers.worker import Lifecycle, Service
from mailserver.servers.worker import run as run_worker
from mailserver.store import snoozing
from mailserver.store.wakeups import Watched
from mailserver.wiring import System, build, build_store, proven_logins, secret_key, tls_context
from security.headcount import Headcount
from security.pace import pace_memory
from security.proven import ProvenLogins
from security.shared_table import SharedTable
from security.throttle import ThrottleMemory

log = logging.getLogger("citymail.processes")

MAIL_SERVICES = ("smtp", "submission", "submissions", "lmtp", "imap", "imaps", "ldap", "ldaps")
WEB_SERVICES = ("http", "https")

# Seconds between bringing SQLite's log home, bringing the directory in line with the date, forgetting, and telling
# administrators what waits for them.
_CHECKPOINT = 0.5
_TIDYING = 300.0
_FORGETTING = 3600.0
_TELLING = 15.0
# Seconds between looks for snoozed messages whose moment has come, or that were answered.
_WAKING = 30.0
# Seconds between looks for mail that the indexes of accounts that are searched do not know yet, and for much of it.
_INDEXING = 30.0
_GATHERING = 5.0
_MANY = 1_000
# Messages of one process that scanners look at, at a time.
_SCANS = 16
# Seconds until the first look for reports that are due or have come.
_REPORTING_SOON = 20.0
# Seconds between looks whether there are certificates to be kept.
_CERTIFYING = 60.0
# Seconds for which the end waits for one who waits for others.
_PATIENCE = 5.0
# The waiting thread gives up the interpreter this often (seconds).  The default of 5 ms would let a busy event loop
# hold the store's writer back for 5 ms at every statement.
_SWITCH_INTERVAL = 0.0005

# So many more objects were made than given back when garbage is looked for.  Commands leave none, and each look at the
# young ones costs as much as a command.
_GARBAGE = 5_000

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

Listeners = Mapping[str, socket.socket]


def serve(config: Config, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve an installation until SIGTERM.

    Raises OSError when a port, the certificate or a database cannot be had.
    """
    logs.set_up(config.log)
    _in_child(lambda: _prepare(config))

    def ready() -> None:
        names = (f"{name} {listener.getsockname()[1]}" for name, listener in listeners.items())
        log.info("serving %s on %s: %s", config.city.domain, config.listen.host, ", ".join(names))
        on_ready()

    _raise_file_limit()
    listeners = bind_all(config)
    guard_handed_key(config.pki.wrapping_key)
    share_memory(config)
    Supervisor(
        make_roles(config, listeners),
        reload_roles=_Reloader(config, listeners),
        on_ready=ready,
        on_stopping=lambda: _close_all(listeners),
    ).run()


def _prepare(config: Config) -> None:
    """What is wrong with an installation is found before anybody is served, and said in one line."""
    from sqlalchemy.exc import DBAPIError

    from mailserver.installation import install

    try:
        tls_context(config, for_officials=True)
        install(config)
    except DBAPIError as fault:
        raise OSError(f"the database cannot be used: {fault.orig}") from None


def _in_child(work: Callable[[], None]) -> None:
    """Do something in a process of its own: what it imports is not kept by those that serve for months.

    Raises OSError with its reason if it fails.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except OSError as fault:
            os.write(write_end, str(fault).encode())
        except Exception:
            log.exception("the installation could not be prepared")
        finally:
            logging.shutdown()
            os._exit(code)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        reason = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise OSError(reason or "the installation could not be prepared; the log says why")


def bind_all(config: Config) -> dict[str, socket.socket]:
    """A listening socket for each service that has a port."""
    ports = {name: getattr(config.listen, name) for name in (*MAIL_SERVICES, *WEB_SERVICES)}
    if config.workers.web == 0:
        ports = {name: port for name, port in ports.items() if name not in WEB_SERVICES}
    if not config.tls.certificate:
        ports = {name: port for name, port in ports.items() if name not in ("submissions", "imaps", "https")}
    return {name: bind(config.listen.host, port) for name, port in ports.items() if port}


def _close_all(listeners: Listeners) -> None:
    for listener in listeners.values():
        listener.close()


@dataclass(frozen=True, slots=True)
class Shared:
    """Memory that all children have in common, because it was made before they were forked."""

    proven: ProvenLogins
    guesses: ThrottleMemory = field(default_factory=ThrottleMemory)
    headcount: Headcount = field(default_factory=Headcount)
    recent: RecentMail = field(default_factory=RecentMail)
    watched: Watched = field(default_factory=Watched)
    conduct: SharedTable = field(default_factory=conduct_memory)
    look_ups: SharedTable = field(default_factory=pace_memory)
    indexer: Bell = field(default_factory=Bell)


def make_roles(config: Config, listeners: Listeners) -> list[Role]:
    shared = Shared(proven_logins(config))
    roles = [
        Role("mail", config.workers.mail, lambda ready: mail_worker(config, listeners, shared, ready)),
        Role("steward", 1, lambda ready: steward(config, listeners, shared, ready)),
        Role("index", 1, lambda ready: indexer(config, listeners, shared.indexer, ready), shared.indexer),
    ]
    if config.pki.enrol:
        roles.append(Role("keys", 1, lambda ready: key_holder(config, listeners, ready)))
    if config.relay.enabled and config.relay.processes > 1:
        roles.append(Role("relay", config.relay.processes - 1, lambda ready: relay_worker(config, listeners, ready)))
    if config.workers.web:
        roles.append(Role("web", config.workers.web, lambda ready: web_worker(config, listeners, shared, ready)))
    return roles


class _Reloader:
    """On SIGHUP: the roles for a configuration that changed, None for one that did not or is wrong."""

    def __init__(self, config: Config, listeners: Listeners) -> None:
        self._config = config
        self._listeners = listeners

    def __call__(self) -> Sequence[Role] | None:
        if self._config.path is None:
            return None
        try:
            config = load(self._config.path)
        except (ConfigFault, OSError) as fault:
            log.error("the configuration is wrong, the old one stays in force:\n%s", fault)
            return None
        if config == self._config:
            return None
        if config.listen != self._config.listen:
            log.warning("[listen] changed: new addresses are taken at the next start")
        self._config = config
        return make_roles(config, self._listeners)


# The children


def mail_worker(config: Config, listeners: Listeners, shared: Shared, ready: Ready) -> None:
    """SMTP, LMTP, IMAP and LDAP on one loop."""
    from mailserver.servers import imap as imap_server
    from mailserver.servers import lmtp, mx, submission
    from mailserver.servers.imap_services import ImapServices
    from mailserver.servers.smtp_clients import Clients
    from mailserver.servers.smtp_transaction import SmtpServices

    _adopt_process(listeners, MAIL_SERVICES)
    shared.headcount.sit_down()

    async def start() -> tuple[Sequence[Service], Lifecycle]:
        system = build(config, shared.proven, shared.guesses, shared.indexer.ring, shared.watched)
        context = tls_context(config)
        for_officials = tls_context(config, for_officials=True)
        executor = ThreadPoolExecutor(config.workers.threads, thread_name_prefix="work")
        # A login is a hash of its password, and no more are hashed at once than there are cores.
        login_executor = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="login")
        reception = config.reception
        clients = Clients(
            config.smtp.max_connections_per_client,
            config.smtp.connection_exempt,
            headcount=shared.headcount,
            per_network=reception.max_connections_per_network,
            per_account=reception.max_connections_per_account,
            conduct=Conduct(
                reception.connections_per_minute, reception.unknown_recipients, time.monotonic, shared.conduct
            ),
        )
        smtp = SmtpServices(
            office=system.office,
            gate=system.gate,
            tls_context=context,
            clients=clients,
            executor=executor,
            login_executor=login_executor,
            scan_executor=ThreadPoolExecutor(_SCANS, thread_name_prefix="scan"),
        )
        imap = ImapServices(
            store=system.store,
            directory=system.directory,
            gate=system.gate,
            config=config,
            tls_context=for_officials,
            clock=time.time,
            executor=executor,
            login_executor=login_executor,
            headcount=shared.headcount,
            recent=shared.recent,
        )
        submitting = replace(smtp, tls_context=for_officials)
        factories: dict[str, tuple[Callable[[], asyncio.BaseProtocol], bool]] = {
            "smtp": (mx.protocol_factory(smtp), False),
            "submission": (submission.protocol_factory(submitting, tls=False), False),
            "submissions": (submission.protocol_factory(submitting, tls=True), True),
            "lmtp": (lmtp.protocol_factory(smtp), False),
            "imap": (imap_server.protocol_factory(imap, tls=False), False),
            "imaps": (imap_server.protocol_factory(imap, tls=True), True),
        }
        drains = [clients.drain, imap.drain]
        if "ldap" in listeners or "ldaps" in listeners:
            from mailserver.servers.ldap import LdapServices

            pieces = system.directory, system.gate, config, for_officials
            ldap = LdapServices(*pieces, executor, login_executor, shared.headcount)
            factories |= ldap.factories()
            drains.append(ldap.drain)
        services = [
            Service(listeners[name], factory, for_officials if tls else None, reception.proxy_networks)
            for name, (factory, tls) in factories.items()
            if name in listeners
        ]

        async def drain() -> None:
            try:
                await asyncio.gather(*(each() for each in drains))
            finally:  # also when the time for it is up
                await asyncio.get_running_loop().run_in_executor(None, system.close)

        def reload() -> None:
            for each in (context, for_officials):
                _reload_certificate(config, each)

        return services, Lifecycle(on_ready=ready, on_reload=reload, drain=drain)

    run_worker(start)


def web_worker(config: Config, listeners: Listeners, shared: Shared, ready: Ready) -> None:
    """The webmail and its event streams."""
    from mailserver.key_process import key_process
    from mailserver.servers.web import run_web
    from webmail.services import WebmailServices, look_up_pace

    _adopt_process(listeners, WEB_SERVICES)
    system = build(config, shared.proven, shared.guesses, shared.indexer.ring, shared.watched)
    context = tls_context(config)
    services = WebmailServices(
        store=system.store,
        directory=system.directory,
        gate=system.gate,
        office=system.office,
        config=config,
        clock=time.time,
        secret_key=secret_key(config),
        look_ups=look_up_pace(shared.look_ups),
        keys=key_process(config) if config.pki.enrol else None,
    )
    run_web(
        services,
        http=listeners.get("http"),
        https=listeners.get("https"),
        tls_context=context,
        on_ready=ready,
        on_reload=lambda: _reload_certificate(config, context),
    )
    system.close()


def relay_worker(config: Config, listeners: Listeners, ready: Ready) -> None:
    """Sends to other servers, as the steward does: each lane of the spool belongs to one of them at a time."""
    from mailserver.servers.relay import run_relay

    _adopt_process(listeners, ())
    system = build(config)
    run_relay(system.office, on_ready=ready)
    system.close()


def steward(config: Config, listeners: Listeners, shared: Shared, ready: Ready) -> None:
    """Sends what is due to other servers; beside that, on threads, forgets what may be forgotten and reports."""
    from mailserver.servers.relay import run_relay

    _adopt_process(listeners, ())
    if not config.relay.enabled:
        _block_the_end()
    system = build(config, call_indexer=shared.indexer.ring, watched=shared.watched)
    ending = threading.Event()
    housekeeping = threading.Thread(target=_keep_house, args=(system, ending), name="housekeeper")
    housekeeping.start()
    scanning = threading.Thread(target=system.store.keep_scanning, args=(ending,), name="scanner")
    scanning.start()
    reporting = threading.Thread(target=_keep_reporting, args=(system, ending), name="reporter", daemon=True)
    reporting.start()
    certifying = threading.Thread(target=_keep_certificates, args=(system, ending), name="certifier", daemon=True)
    certifying.start()
    if config.relay.enabled:
        run_relay(system.office, on_ready=ready)
    else:
        ready()
        signal.sigwait({signal.SIGTERM})
    ending.set()
    housekeeping.join()
    scanning.join()
    reporting.join(_PATIENCE)  # what it has begun it does again: a report goes out with the end of its rows, or not
    certifying.join(_PATIENCE)
    system.close()


def indexer(config: Config, listeners: Listeners, bell: Bell, ready: Ready) -> None:
    """Fills the full-text indexes, until there has been nothing to do for a while."""
    from mailserver.servers.indexing import run_indexer

    _adopt_process(listeners, ())
    _block_the_end()
    run_indexer(build_store(config, bell.ring), bell, on_ready=ready)


def key_holder(config: Config, listeners: Listeners, ready: Ready) -> None:
    """Private keys of people and mailboxes: signs and decrypts with them, for those who may."""
    from mailserver.key_process import run

    _adopt_process(listeners, (), holds_keys=True)
    run(config, ready)


def _block_the_end() -> None:
    """SIGTERM is waited for, not handled; to be blocked before the store's threads begin, so that they inherit it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _keep_house(system: System, ending: threading.Event) -> None:
    """Each task at its own interval, for as long as the process lives."""
    sessions = system.config.webmail
    tasks: list[tuple[float, Callable[[], object]]] = [
        (_CHECKPOINT, system.store.checkpoint),
        (_INDEXING, lambda: system.store.fulltext.call_after(1)),
        (_GATHERING, lambda: system.store.fulltext.call_after(_MANY)),
        (
            _TIDYING,
            lambda: tidy_up(
                system.directory,
                idle=sessions.session_idle_minutes * 60,
                absolute=sessions.session_hours * 3600,
                keeps_scram=system.config.login.scram,
            ),
        ),
        (_TELLING, lambda: approval_notices.tell(system.office)),
        (_TELLING, lambda: recovery_notices.tell(system.office)),
        (_WAKING, lambda: snoozing.wake_due(system.store, int(time.time()))),
        (_FORGETTING, lambda: forget(system, int(time.time()))),
    ]
    due = [time.monotonic() for _ in tasks]
    while not ending.wait(_CHECKPOINT):
        for position, (interval, task) in enumerate(tasks):
            if time.monotonic() >= due[position]:
                due[position] = time.monotonic() + interval
                try:
                    task()
                except Exception:
                    log.exception("housekeeping failed; trying again later")


def _keep_reporting(system: System, ending: threading.Event) -> None:
    """Reports to other domains and from them, on a thread of its own: it waits for the DNS and for others' hosts."""
    ending.wait(_REPORTING_SOON)
    from mailserver.servers.reporting import keep_reporting  # what it needs is imported when nobody waits

    keep_reporting(system.office, ending)


def _keep_certificates(system: System, ending: threading.Event) -> None:
    """The city's certificates, on a thread of its own: making keys takes long, and fetching lists of others too."""
    ending.wait(_REPORTING_SOON)
    while not (system.config.pki.enrol or _knows_authorities(system)):
        if ending.wait(_CERTIFYING):
            return
    from mailserver.certifying import keep_certificates  # megabytes

    keep_certificates(system.config, system.directory, ending)


def _knows_authorities(system: System) -> bool:
    with system.directory.read() as conn:
        return is_any_known(conn)


# What every child does


def _adopt_process(listeners: Listeners, mine: Sequence[str], *, holds_keys: bool = False) -> None:
    """Make a forked process its own: only its sockets, and a quick hand-over between threads."""
    if not holds_keys:
        leave_handed_key()
    for name, listener in listeners.items():
        if name not in mine:
            listener.close()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    gc.set_threshold(_GARBAGE)
    _return_memory()


def _return_memory() -> None:
    """Have glibc give large blocks back to the system when they are freed.

    A password hash takes 19 MiB for 30 ms; by default each thread's arena would keep that for ever, 20 MB a thread.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)
        libc.mallopt(_M_TRIM_THRESHOLD, 256 * 1024)
        libc.mallopt(_M_ARENA_MAX, 2)


def _reload_certificate(config: Config, context: ssl.SSLContext | None) -> None:
    if context is not None:
        try:
            # A live context serves the new certificate from the next handshake on.
            context.load_cert_chain(config.resolve(config.tls.certificate), config.resolve(config.tls.key))
            log.info("certificate loaded anew")
        except (OSError, ssl.SSLError) as fault:
            log.error("the certificate could not be loaded, the old one stays: %s", fault)


def _raise_file_limit() -> None:
    """Every connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
