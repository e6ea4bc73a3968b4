"""The wheel of timers, and calls from other threads."""

from __future__ import annotations

import asyncio
import logging
import threading

from mailserver.servers import imap_loop
from mailserver.servers.imap_loop import Post, Wheel


class Timed:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.looks = 0
        self.due = 0

    def look(self, now):
        self.looks += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_wheel_looks_when_due_and_no_longer_than_asked(monkeypatch, caplog):
    monkeypatch.setattr(imap_loop, "TICK", 0.01)
    again, once, removed, broken, late = Timed(0.0, 0.0, None), Timed(None), Timed(), Timed(ValueError()), Timed()

    async def turn():
        wheel = Wheel(asyncio.get_running_loop())
        for timed in (again, once, removed, broken):
            wheel.add(timed, 0.0)
        wheel.add(late, 3600.0)
        wheel.remove(removed)
        while again.answers:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.03)
        wheel.stop()

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(turn())
    assert [timed.looks for timed in (again, once, removed, broken, late)] == [3, 1, 0, 1, 0]


def test_calls_from_many_threads_all_arrive_on_the_loop(caplog):
    arrived = []

    async def receive():
        post = Post(asyncio.get_running_loop())
        here = threading.get_ident()

        def call(number):
            assert threading.get_ident() == here
            arrived.append(number)
            if number % 100 == 0:
                raise ValueError

        def leave(start):
            for number in range(start, start + 500):
                post.leave(lambda number=number: call(number))

        threads = [threading.Thread(target=leave, args=(start,)) for start in (0, 1000, 2000)]
        for thread in threads:
            thread.start()
        while len(arrived) < 1500:
            await asyncio.sleep(0.001)
        for thread in threads:
            thread.join()

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(receive())
    assert sorted(arrived) == [*range(500), *range(1000, 1500), *range(2000, 2500)]
    # In the order in which each thread left them.
    for start in (0, 1000, 2000):
        mine = [number for number in arrived if start <= number < start + 500]
        assert mine == sorted(mine)


def test_a_loop_that_ended_is_no_fault():
    loop = asyncio.new_event_loop()
    post = Post(loop)
    loop.close()
    post.leave(lambda: None)
