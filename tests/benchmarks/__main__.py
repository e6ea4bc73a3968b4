"""CityMail beside Debian's Postfix and Dovecot: both on this machine, in this run, taking turns.

    python -m tests.benchmarks                      every series but the last five, three runs each
    python -m tests.benchmarks ingest --quick       small numbers, one run
    python -m tests.benchmarks sync --only ours

A ratio above 1 says that CityMail is ahead.  Look at `others' CPU` first: where it is more than a few percent, somebody
else used the machine, and the run says little.  Everything lives in a scratch folder and is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import ldap, postfix_dovecot, roundcube
from tests.benchmarks.address_books import CityMailBook
from tests.benchmarks.broadcast import Broadcast
from tests.benchmarks.city_people import Size
from tests.benchmarks.citymail import CityMail
from tests.benchmarks.contender import Contender, Server
from tests.benchmarks.idle import Idle
from tests.benchmarks.ingest import Ingest
from tests.benchmarks.ldap import Pages, Searches
from tests.benchmarks.logins import Logins
from tests.benchmarks.look_ups import LookUps
from tests.benchmarks.mixed import Mixed
from tests.benchmarks.postfix_dovecot import PostfixDovecot
from tests.benchmarks.profiling import find_profiler, profiled
from tests.benchmarks.relay import Relay
from tests.benchmarks.reorganisation import City, Reorganisation
from tests.benchmarks.series import Series, take_turns
from tests.benchmarks.store_level import StoreLevel
from tests.benchmarks.sync import Sync
from tests.benchmarks.web_live import WebLive
from tests.benchmarks.web_pages import WebPages
from tests.benchmarks.web_screen import WebScreen
from tests.directory.plans.synthetic import Sizes

NAMES = (
    *("ingest", "broadcast", "idle", "logins", "sync", "relay", "store", "directory"),
    *("mixed", "ldap", "reorganisation", "webmail", "live"),
)
# What `all` means: the last five take long to prepare and are asked for by name.
STANDARD = NAMES[:-5]
# Series that bring up servers of their own.
_APART = {"ldap", "reorganisation", "webmail", "live"}
# Beside the one whose mailbox the webmails show.
_WEB_ACCOUNTS, _WEB_WORKERS = 10, 2
_LIVE_ACCOUNTS = 500
# What the peer has not.
_OURS_ALONE = {"store", "directory"}
# Seconds after which the peer may give up the process of an idle session, in its second set-up.
_HIBERNATE = 2
# Sessions that a process of the peer's serves, and processes that wait for some, in the set-up that is quickest here.
_SESSIONS, _SPARE = 500, 16


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything.  ``ours_alone`` are broadcasts of a size that the peer would take minutes for."""

    runs: int
    patience: float
    accounts: int
    peer_accounts: int
    broadcasts: tuple[int, ...]
    ours_alone: tuple[int, ...]
    city: Size
    reorganised: Sizes
    series: dict[str, tuple[Series, ...]]


_CITY, _TOWN = Size(), Size(people=20_000)
# Two of three hold their posts in districts and wards: 60,000.
_REORGANISED = Sizes(officials=90_000)
_REORGANISED_TOWN = Sizes(districts=4, wards=28, new_wards=17, departments=3, divisions=4, officials=3_000)
FULL = Plan(
    runs=3,
    patience=60.0,
    accounts=200_000,
    peer_accounts=20_000,
    broadcasts=(5_000, 20_000),
    ours_alone=(200_000,),
    city=_CITY,
    reorganised=_REORGANISED,
    series={
        "ingest": (Ingest(4096, 4000), Ingest(102_400, 1000)),
        "idle": (Idle(5000, 300),),
        "logins": (Logins(2000),),
        "sync": (Sync(50_000, marked=10_000, moved=5_000, appended=2_000),),
        "relay": (
            Relay(50_000),
            Relay(50_000, backlog=True),
            Relay(50_000, backlog=True, living_only=True),
            Relay(50_000, backlog=True, dead=True),
        ),
        "store": (StoreLevel(10_000, 50_000, (5_000, 20_000, 200_000)),),
        "directory": (LookUps(200_000, 20, 20),),
        "mixed": (Mixed(200, 30, 500),),
        "ldap": (
            Searches("equality", _CITY, 20_000),
            *(Searches(kind, _CITY, 4_000) for kind in ("prefix", "substring", "two words")),
            Pages(_CITY, 200),
        ),
        "reorganisation": (Reorganisation(_REORGANISED),),
        "webmail": (WebPages(50_000, tries=50, browsers=4), WebScreen(100_000, tries=20)),
        "live": (WebLive(500, 300),),
    },
)
QUICK = Plan(
    runs=1,
    patience=4.0,
    accounts=20_000,
    peer_accounts=2_000,
    broadcasts=(1_000,),
    ours_alone=(20_000,),
    city=_TOWN,
    reorganised=_REORGANISED_TOWN,
    series={
        "ingest": (Ingest(4096, 1000), Ingest(102_400, 300)),
        "idle": (Idle(500, 60),),
        "logins": (Logins(300),),
        "sync": (Sync(5_000, marked=1_000, moved=500, appended=300),),
        "relay": (
            Relay(5000),
            Relay(5000, backlog=True),
            Relay(5000, backlog=True, living_only=True),
            Relay(5000, backlog=True, dead=True),
        ),
        "store": (StoreLevel(2_000, 5_000, (5_000, 20_000)),),
        "directory": (LookUps(10_000, 20, 4),),
        "mixed": (Mixed(50, 10, 100),),
        "ldap": (
            *(Searches(kind, _TOWN, 1_000) for kind in ("equality", "prefix", "substring", "two words")),
            Pages(_TOWN, 20),
        ),
        "reorganisation": (Reorganisation(_REORGANISED_TOWN),),
        "webmail": (WebPages(5_000, tries=5, browsers=4), WebScreen(6_000, tries=3)),
        "live": (WebLive(500, 60),),
    },
)


def main() -> int:
    options = _arguments()
    plan = QUICK if options.quick else FULL
    wanted = STANDARD if "all" in options.series else tuple(name for name in NAMES if name in options.series)
    # Ended from outside, the servers are ended too and the folder is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with _scratch(options.folder) as folder, contextlib.ExitStack() as running:
        with_mail = [name for name in wanted if name not in _APART]
        contenders = _bring_up(folder, plan, options.only, with_mail, running) if with_mail else []
        if with_mail and not contenders:
            return 1
        started = time.monotonic()
        for name in with_mail:
            _run(name, plan, contenders, options)
        for name in (name for name in wanted if name in _APART):
            with contextlib.ExitStack() as apart:
                servers = _bring_up_apart(name, folder, plan, options.only, apart)
                for series in plan.series[name]:
                    _measure(series, servers, plan, options)
        print(f"\n{time.monotonic() - started:.0f} s in all")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("series", nargs="*", choices=(*NAMES, "all"), default="all", help="[all]")
    parser.add_argument("--quick", action="store_true", help="small numbers, one run: minutes, not hours")
    parser.add_argument("--only", choices=("ours", "peer"), help="one of the two")
    parser.add_argument("--runs", type=int, help="runs of each series")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for others to leave the machine alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append every series as one line of JSON")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="profile CityMail with py-spy, a file a series")
    parser.add_argument(
        "--folder", type=Path, default=Path("/var/tmp"), help="scratch space on the disk to measure [/var/tmp]"
    )
    options = parser.parse_args()
    if options.profile is not None and not find_profiler():
        parser.error("--profile needs py-spy: pip install py-spy")
    return options


@contextlib.contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="citymail-bench-", dir=parent))
    folder.chmod(0o755)  # the peer's users have to get in
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bring_up(
    folder: Path, plan: Plan, only: str | None, wanted: Sequence[str], running: contextlib.ExitStack
) -> list[Contender]:
    """Install and start who takes part."""
    has_peer = only != "ours" and not set(wanted) <= _OURS_ALONE
    reason = postfix_dovecot.why_not() if has_peer else ""
    if reason:
        print(f"The peer is left out: {reason}.", file=sys.stderr)
    contenders: list[Contender] = []
    if only != "peer":
        # Only broadcasts need as many as a city has.
        accounts = plan.accounts if "broadcast" in wanted else plan.peer_accounts
        groups = [count for count in (*plan.broadcasts, *plan.ours_alone) if count <= accounts]
        contenders.append(CityMail(folder / "citymail", accounts, tuple(groups)))
    if has_peer and not reason:
        contenders.append(PostfixDovecot(folder / "peer", plan.peer_accounts, plan.broadcasts))
    for contender in contenders:
        start = time.monotonic()
        contender.install()
        running.callback(contender.stop)
        contender.start()
        print(f"{contender.name} is up, with {contender.accounts:,} accounts, after {time.monotonic() - start:.1f} s")
    return contenders


def _bring_up_apart(
    name: str, folder: Path, plan: Plan, only: str | None, running: contextlib.ExitStack
) -> Sequence[Server]:
    if name == "ldap":
        return ldap.bring_up(folder / name, plan.city, only, running)
    if name == "webmail":
        return _bring_up_webmails(folder / name, only, running)
    server: Server
    if name == "live":
        server = CityMail(folder / name, _LIVE_ACCOUNTS, (), web=1)
    else:
        server = City(folder / name, plan.reorganised)
    server.install()
    running.callback(server.stop)
    server.start()
    return [server]


def _bring_up_webmails(folder: Path, only: str | None, running: contextlib.ExitStack) -> Sequence[Server]:
    reason = roundcube.why_not() if only != "ours" else ""
    if reason:
        print(f"The peer is left out: {reason}.", file=sys.stderr)
    servers: list[Server] = []
    if only != "peer":
        servers.append(CityMail(folder / "citymail", _WEB_ACCOUNTS, (), web=_WEB_WORKERS))
    if only != "ours" and not reason:
        servers.append(roundcube.Roundcube(folder / "peer", _WEB_ACCOUNTS))
    folder.mkdir()
    folder.chmod(0o755)
    for server in servers:
        server.install()
        running.callback(server.stop)
        server.start()
    return servers


def _run(name: str, plan: Plan, contenders: Sequence[Contender], options: argparse.Namespace) -> None:
    ours = [contender for contender in contenders if isinstance(contender, CityMail)]
    peers = [contender for contender in contenders if isinstance(contender, PostfixDovecot)]
    if name == "broadcast":
        for count in plan.broadcasts:
            _measure(Broadcast(count), contenders, plan, options)
        for count in plan.ours_alone:
            _measure(Broadcast(count), ours, plan, options)
    elif name == "idle":
        for series in plan.series[name]:
            _measure(series, [*contenders, *(peer.hibernating(_HIBERNATE) for peer in peers)], plan, options)
        for peer in peers:
            peer.restart()
    elif name == "mixed":
        for series in plan.series[name]:
            _measure(series, [*contenders, *(peer.reusing(_SESSIONS, _SPARE) for peer in peers)], plan, options)
        for peer in peers:
            peer.take_over()
    else:
        for series in plan.series[name]:
            _measure(series, ours if name in _OURS_ALONE else contenders, plan, options)


def _measure(series: Series, contenders: Sequence[Server], plan: Plan, options: argparse.Namespace) -> None:
    if not contenders:
        return
    ours = contenders[0]
    profiling: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if options.profile is not None and isinstance(ours, CityMail | CityMailBook | City):
        options.profile.mkdir(parents=True, exist_ok=True)
        name = "".join(each if each.isalnum() else "-" for each in series.title)
        profiling = profiled(ours.roots()[0], options.profile / f"{name}.speedscope.json")
    with profiling:
        patience = 0.0 if options.no_wait else plan.patience
        result = take_turns(series, contenders, options.runs or plan.runs, patience)
    print(result.table(), flush=True)
    if options.json is not None:
        result.write(options.json)


if __name__ == "__main__":
    sys.exit(main())
