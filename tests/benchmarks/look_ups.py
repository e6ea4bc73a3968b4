"""The staff directory at full size: taken in from a file, written out again, and asked by officials who type.

The first run of a contender imports the city as an administrator would (`citymail official import`), in a process of
its own whose processor time and memory are told.  Then officials sign in to the webmail and type names letter by
letter, as fast as a session may ask, each on a connection that stays; and the same words are asked of the core by as
many threads without a server between.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from directory.database import Directory, open_directory
from directory.finding import search
from directory.mail import groups
from directory.words.names import fold, initials
from tests.benchmarks import city_people
from tests.benchmarks.city_people import CityPerson, Size
from tests.benchmarks.contender import PASSWORD, Contender
from tests.benchmarks.figures import Figure, Values, percentile
from tests.benchmarks.metering import Meter, tree_seconds
from tests.benchmarks.series import Series
from tests.benchmarks.web_session import WebSession, signed_in
from tests.live import LiveServer
from webmail.services import LOOK_UPS_PER_SECOND

_FORMATS = ("csv", "json", "ldif", "vcard")


@dataclass(frozen=True)
class LookUps(Series):
    people: int
    clients: int
    names: int  # that each client types
    _live: list[LiveServer] = field(default_factory=list)

    @property
    def figures(self) -> tuple[Figure, ...]:  # type: ignore[override]
        return (
            Figure("import_s", "import of all from CSV, s", "less"),
            Figure("import_cpu_s", "import: CPU, s", "less"),
            Figure("import_own_mb", "import: memory of its own at the end, MB", "less"),
            Figure("again_s", "the same file again, nothing changed, s", "less"),
            *(Figure(f"export_{form}_s", f"export of all as {form}, s", "less") for form in _FORMATS),
            Figure("export_own_mb", "export: memory of its own at the end, MB", "less"),
            Figure("http_ms_p50", "completion over HTTP: p50, ms", "less"),
            Figure("http_ms_p95", "completion over HTTP: p95, ms", "less"),
            Figure("http_ms_p99", "completion over HTTP: p99, ms", "less"),
            Figure("http_cpu_ms", "completion over HTTP: server's CPU each, ms", "less"),
            Figure("tree_ms_p50", "a branch of the tree and its people: p50, ms", "less"),
            Figure("tree_ms_p95", "a branch of the tree and its people: p95, ms", "less"),
            Figure("core_per_s", "completion in the core, look-ups/s", "more"),
            Figure("core_ms_p50", "completion in the core: p50, ms", "less"),
            Figure("core_ms_p95", "completion in the core: p95, ms", "less"),
        )

    @property
    def title(self) -> str:
        return "directory"

    @property
    def settings(self) -> str:
        return (
            f"{self.people:,} people, {Size.units:,} units; {self.clients} clients type {self.names} names each, "
            f"{LOOK_UPS_PER_SECOND:g} letters a second"
        )

    def prepare(self, contender: Contender) -> Values:
        folder = contender.folder.parent / "city"
        live = LiveServer(
            folder,
            settings={
                "city": {"domain": city_people.DOMAIN, "hostname": f"mail.{city_people.DOMAIN}"},
                "workers": {"mail": 1},
                "log": {"level": "warning"},
            },
        )
        self._live.append(live)
        size = Size(people=self.people)
        directory = open_directory(live.config.directory_url)
        known = city_people.fill_units(directory, size)
        directory.close()
        city_people.write_csv(folder / "people.csv", size)
        values: Values = {}
        values["import_s"], values["import_cpu_s"], values["import_own_mb"] = _measured(
            live, "official", "import", str(folder / "people.csv"), "--password", PASSWORD, "--allow-weak"
        )
        values["again_s"], _, _ = _measured(live, "official", "import", str(folder / "people.csv"))
        for form in _FORMATS:
            values[f"export_{form}_s"], _, own = _measured(
                live, "official", "export", str(folder / "out"), "--format", form
            )
            values["export_own_mb"] = max(own, values.get("export_own_mb", 0.0))
        directory = open_directory(live.config.directory_url)
        with directory.write() as conn:
            for unit in city_people.city_units(size)[:200]:
                made = groups.add_group(conn, "bench", address_text=f"nhom.{known[unit.short_name]}", name=unit.name)
                groups.add_rule(conn, "bench", made.id, unit_id=known[unit.short_name])
        directory.close()
        return values

    def measure(self, contender: Contender, run: int) -> Values:
        live = self._live[0]
        typed = [_typed_by(client, run, self.people, self.names) for client in range(self.clients)]
        live.start()
        try:
            with Meter(lambda: [live.process.pid] if live.process is not None else []) as meter:
                sessions = [
                    signed_in(live.ports["http"], city_people.address(client)) for client in range(self.clients)
                ]
                signing_in = _spent(live)
                times = _at_once([_paced(session, words) for session, words in zip(sessions, typed, strict=True)])
                completing = _spent(live) - signing_in
                opened = _at_once([_walking(session, client) for client, session in enumerate(sessions)])
        finally:
            live.stop()
        return {
            **_percentiles("http_ms", times),
            "http_cpu_ms": 1e3 * completing / len(times),
            **_percentiles("tree_ms", opened),
            **self._core(live, typed),
            **meter.figures(),
        }

    def _core(self, live: LiveServer, typed: list[list[str]]) -> Values:
        directory = open_directory(live.config.directory_url)
        start = time.perf_counter()
        times = _at_once([_asking(directory, words) for words in typed])
        spent = time.perf_counter() - start
        directory.close()
        return {"core_per_s": len(times) / spent, **_percentiles("core_ms", times)}


def _percentiles(key: str, times: list[float]) -> Values:
    return {f"{key}_p{share}": percentile(times, share) for share in (50, 95, 99)}


def _measured(live: LiveServer, *arguments: str) -> tuple[float, float, float]:
    """Seconds, processor seconds, and the largest memory of its own that a command of ours had, in MB.

    Pages of the database that are mapped, and the system gives to whoever needs them, are not its own.
    """
    start = time.perf_counter()
    environment = {**os.environ, "CITYMAIL_CONFIG": str(live.config_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mailserver.cli", *arguments], env=environment, stdout=subprocess.DEVNULL
    )
    most = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        most = max(most, int(found[1]) if found else 0)
        time.sleep(0.05)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"citymail {' '.join(arguments[:2])} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, most / 1024


def _spent(live: LiveServer) -> float:
    return tree_seconds([live.process.pid] if live.process is not None else [])


# --- what is typed ----------------------------------------------------------------------------------------------------


def _typed_by(client: int, run: int, people: int, names: int) -> list[str]:
    """Some people's names, letter by letter, each in one of the ways in which names are typed."""
    chance = random.Random(client * 1009 + run)
    size = Size(people=people)
    words: list[str] = []
    for number in chance.sample(range(people), names):
        text = chance.choice(_WAYS)(city_people.city_person(size, number))
        words += [text[:length] for length in range(1, len(text) + 1)]
    return words


_WAYS: tuple[Callable[[CityPerson], str], ...] = (
    lambda person: fold(person.name.full),
    lambda person: person.name.full,
    lambda person: fold(f"{person.name.given} {person.name.family}"),
    lambda person: initials(person.name.full),
    lambda person: person.address,
    lambda person: f"{fold(person.name.given)} {fold(person.unit.split()[0])}",
    lambda person: person.phone[-6:],
)


# --- who asks ---------------------------------------------------------------------------------------------------------


Work = Callable[[list[float]], None]


def _paced(session: WebSession, words: list[str]) -> Work:
    """A letter whenever a session may ask again, whether the answer to the last one took long or not."""

    def work(times: list[float]) -> None:
        time.sleep(random.random() / LOOK_UPS_PER_SECOND)
        due = time.perf_counter()
        for word in words:
            time.sleep(max(0.0, due - time.perf_counter()))
            due += 1 / LOOK_UPS_PER_SECOND
            session.ask("GET", f"/people?q={quote(word)}")
            times.append(session.spent)

    return work


def _walking(session: WebSession, client: int) -> Work:
    """Down the tree by chance, from the top to the people of a unit."""

    def work(times: list[float]) -> None:
        chance = random.Random(client)
        path = "/people/units"
        for _ in range(10):
            branch = json.loads(session.ask("GET", path))
            times.append(session.spent)
            if not branch["children"]:
                path = "/people/units"
                continue
            unit = chance.choice(branch["children"])
            session.ask("GET", f"/people/units/{unit['id']}/people")
            times.append(session.spent)
            path = f"/people/units/{unit['id']}"
            time.sleep(2 / LOOK_UPS_PER_SECOND)

    return work


def _asking(directory: Directory, words: list[str]) -> Work:
    def work(times: list[float]) -> None:
        for word in words:
            start = time.perf_counter()
            with directory.read() as conn:
                search.complete(conn, word, 8)
            times.append(1e3 * (time.perf_counter() - start))

    return work


def _at_once(works: list[Work]) -> list[float]:
    """All of them at the same time; raises what one of them raised."""
    times: list[list[float]] = [[] for _ in works]
    faults: list[BaseException] = []

    def run(work: Work, into: list[float]) -> None:
        try:
            work(into)
        except BaseException as fault:  # told by the thread that waits
            faults.append(fault)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(works, times, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return [each for one in times for each in one]
