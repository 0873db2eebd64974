"""Names that take their time: a look-up that hangs holds up nothing but those who wait for that name."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import aiomq
from aiomq import Event
from aiomq.transports import lookups
from aiomq.transports.lookups import MAX_THREADS, Answer, Name, is_numeric, look_up, resolve
from tests.transports.scripted import BOUND, Script, names, settled, until


class NameServer:
    """Answers nothing about `*.slow` before it is told to; any other name is this machine."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun = threading.Semaphore(0)
        self._answers: dict[str, threading.Event] = {}

    def hold(self, *hosts: str) -> None:
        """Let the look-ups of these hosts hang."""
        for host in hosts:
            self._answers[host] = threading.Event()

    def answer(self, *hosts: str) -> None:
        """Answer at last."""
        for host in hosts:
            self._answers[host].set()

    def getaddrinfo(self, host: str, port: int, *_: object, **how: Any) -> Any:
        """Stand in for the system's."""
        if how.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        self.asked.append(host)
        self.begun.release()
        if host in self._answers:
            assert self._answers[host].wait(BOUND)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def has_begun(self, count: int = 1) -> None:
        """Wait until so many look-ups have begun."""
        for _ in range(count):
            await settled(lambda: self.begun.acquire(blocking=False))

    def stop(self) -> None:
        """Answer whatever still hangs."""
        self.answer(*self._answers)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made, real = NameServer(), socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **how: Any) -> Any:
        is_name = isinstance(host, str) and host.endswith(".test")
        return made.getaddrinfo(host, *rest, **how) if is_name else real(host, *rest, **how)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield made
    made.stop()
    for thread in threading.enumerate():
        if thread.name == "aiomq look-up":
            thread.join(BOUND)


def stream(host: str, port: int = 9) -> Name:
    return Name(host, port, socket.AF_INET, socket.SOCK_STREAM)


def lookup_threads() -> int:
    return sum(thread.name == "aiomq look-up" for thread in threading.enumerate())


# -- the look-ups -----------------------------------------------------------------------------------------------------


async def test_those_who_want_one_name_share_its_look_up_and_get_their_own_ports(server: NameServer) -> None:
    server.hold("one.test")
    loop = asyncio.get_running_loop()
    waiting = [asyncio.create_task(resolve(loop, stream("one.test", port))) for port in (1, 2, 2)]
    await server.has_begun()
    server.answer("one.test")
    found = await asyncio.gather(*waiting)
    assert [each[0][4] for each in found] == [("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.1", 2)]
    assert server.asked == ["one.test"]


async def test_other_loops_in_other_threads_share_a_look_up_too(server: NameServer) -> None:
    server.hold("one.test")

    async def elsewhere() -> Any:
        return await resolve(asyncio.get_running_loop(), stream("one.test"))

    here = asyncio.create_task(resolve(asyncio.get_running_loop(), stream("one.test")))
    await server.has_begun()
    there = asyncio.create_task(asyncio.to_thread(asyncio.run, elsewhere()))
    await settled(lambda: sum(len(each.requests) for each in lookups._lookups._known.values()) == 2)
    server.answer("one.test")
    assert await here == await there
    assert server.asked == ["one.test"]


async def test_nothing_is_remembered(server: NameServer) -> None:
    loop = asyncio.get_running_loop()
    await resolve(loop, stream("one.test"))
    await resolve(loop, stream("one.test"))
    assert server.asked == ["one.test"] * 2


async def test_who_leaves_does_not_take_the_answer_from_others(server: NameServer) -> None:
    server.hold("one.test")
    loop = asyncio.get_running_loop()
    first, second = (asyncio.create_task(resolve(loop, stream("one.test"))) for _ in range(2))
    await server.has_begun()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.answer("one.test")
    assert (await second)[0][4] == ("127.0.0.1", 9)


async def test_a_name_that_hangs_takes_one_thread_whatever_its_ports(server: NameServer) -> None:
    server.hold("hung.test")
    loop = asyncio.get_running_loop()
    hung = [look_up(loop, stream("hung.test", port), lambda _: None) for port in range(1, 101)]
    await server.has_begun()
    assert (await resolve(loop, stream("other.test")))[0][4] == ("127.0.0.1", 9)
    assert server.asked == ["hung.test", "other.test"]
    for each in hung:
        each.cancel()


async def test_many_names_that_hang_have_few_threads_and_take_turns(server: NameServer) -> None:
    hosts = [f"h{number}.test" for number in range(MAX_THREADS + 3)]
    server.hold(*hosts)
    loop = asyncio.get_running_loop()
    waiting = [asyncio.create_task(resolve(loop, stream(host))) for host in hosts]
    await server.has_begun(MAX_THREADS)
    assert lookup_threads() == MAX_THREADS
    server.answer(*hosts[3:])
    await asyncio.gather(*waiting[3:])
    server.answer(*hosts[:3])
    await asyncio.gather(*waiting[:3])
    await settled(lambda: lookup_threads() == 0)


async def test_a_name_that_nobody_waits_for_any_longer_is_not_looked_up(server: NameServer) -> None:
    hosts = [f"h{number}.test" for number in range(MAX_THREADS)]
    server.hold(*hosts)
    loop = asyncio.get_running_loop()
    waiting = [asyncio.create_task(resolve(loop, stream(host))) for host in hosts]
    await server.has_begun(MAX_THREADS)
    look_up(loop, stream("forgotten.test"), lambda _: None).cancel()
    last = asyncio.create_task(resolve(loop, stream("last.test")))
    await asyncio.sleep(0)
    server.answer(*hosts)
    await asyncio.gather(*waiting, last)
    assert "forgotten.test" not in server.asked


async def test_what_goes_wrong_is_told_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such thing was thought of")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    loop = asyncio.get_running_loop()
    for _ in range(2):
        with pytest.raises(ValueError, match="no such thing"):
            await resolve(loop, stream("one.test"))


async def test_without_a_thread_a_look_up_fails_and_the_next_one_works(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[Answer] = asyncio.Queue()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        look_up(loop, stream("one.test"), answers.put_nowait)
    answer = await answers.get()
    assert isinstance(answer, OSError)
    assert answer.errno == errno.EAGAIN
    assert "no thread can be started to look a name up" in str(answer)
    assert await resolve(loop, stream("one.test"))


def test_the_loop_may_be_closed_before_the_answer_comes(server: NameServer) -> None:
    server.hold("one.test")

    async def leave() -> None:
        look_up(asyncio.get_running_loop(), stream("one.test"), lambda _: pytest.fail("nobody is there"))
        await server.has_begun()

    async def stay() -> Any:
        return await resolve(asyncio.get_running_loop(), stream("one.test"))

    asyncio.run(leave())
    server.answer("one.test")
    assert asyncio.run(stay())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_looks_the_same_name_up_by_itself(server: NameServer) -> None:
    server.hold("one.test")
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        request = look_up(loop, stream("one.test"), lambda _: None)
        runner.run(server.has_begun())
        pid = os.fork()
        if not pid:
            answered = 1
            try:
                server.answer("one.test")
                asyncio.set_event_loop(None)
                child = asyncio.new_event_loop()
                asyncio.events._set_running_loop(None)
                answered = not child.run_until_complete(resolve(child, stream("one.test")))
            finally:
                os._exit(answered)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        request.cancel()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1", True),
        ("::1", True),
        ("fe80::1%lo", True),
        ("localhost", False),
        ("bücher.example", False),
        ("1.2.3.4.example", False),
        ("a\0b", False),
    ],
)
def test_numbers_are_told_from_names(host: str, expected: bool) -> None:
    assert is_numeric(host) is expected


# -- sockets that wait for one ----------------------------------------------------------------------------------------


async def test_attempts_to_reach_a_name_that_hangs_make_one_look_up_and_connect_when_it_is_over(
    context: aiomq.Context, script: Script, server: NameServer
) -> None:
    # CONNECT_TIMEOUT is about connecting: a look-up may take longer than that.
    server.hold("feed.test")
    acceptor = await script.listen()
    endpoint = f"tcp://feed.test:{acceptor.endpoint.rpartition(':')[2]}"
    options = {"connect_timeout": 50, "reconnect_ivl": 1}
    with context.socket(aiomq.PUSH, **options) as push, context.socket(aiomq.PUSH, **options) as other:
        push.connect(endpoint)
        other.connect(endpoint)
        await push.send(b"patient")
        await server.has_begun()
        assert await asyncio.to_thread(lambda: "meanwhile") == "meanwhile"
        await asyncio.sleep(0.1)  # longer than CONNECT_TIMEOUT
        assert server.asked == ["feed.test"]
        other.close()
        server.answer("feed.test")
        wire = await script.accepted(acceptor)
        await wire.greet("PULL")
        assert await wire.frame() == (0, b"patient")
    assert server.asked == ["feed.test"]


@pytest.mark.parametrize("how", ["close", "disconnect"])
@pytest.mark.parametrize("scheme", ["tcp", "udp", "socks"])
async def test_the_end_of_a_socket_does_not_wait_for_a_look_up(
    context: aiomq.Context, server: NameServer, scheme: str, how: str
) -> None:
    server.hold("feed.test")
    kind = aiomq.RADIO if scheme == "udp" else aiomq.PUSH
    proxy = {"socks_proxy": "feed.test:1080"} if scheme == "socks" else {}
    endpoint = "udp://feed.test:9" if scheme == "udp" else "tcp://feed.test:9"
    with context.socket(kind, **proxy) as sender, sender.monitor() as events:
        sender.connect("tcp://far.test:9" if scheme == "socks" else endpoint)
        await server.has_begun()
        if how == "close":
            sender.close(0)
        else:
            sender.disconnect("tcp://far.test:9" if scheme == "socks" else endpoint)
            await settled(lambda: "connected=[]" in repr(sender))
            sender.close(0)
        await until(events, Event.MONITOR_STOPPED)
    await context.term()
    assert server.asked == ["feed.test"]


async def test_a_source_name_is_looked_up_without_stopping_the_loop(
    context: aiomq.Context, script: Script, server: NameServer
) -> None:
    server.hold("here.test")
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH) as push:
        push.connect(acceptor.endpoint.replace("tcp://", "tcp://here.test:0;"))
        await server.has_begun()
        server.answer("here.test")
        await (await script.accepted(acceptor)).greet("PULL")


async def test_a_look_up_that_fails_is_told_as_before(context: aiomq.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect("tcp://feed.test:9")
        seen = [await anext(events) for _ in range(3)]
    assert names(seen) == ["CONNECT_RETRIED"] * 3
    assert isinstance(seen[0].error, socket.gaierror)


PROGRAM = """
    import asyncio, socket, sys, threading
    import aiomq

    begun = threading.Event()

    def hang(*_, **__):
        begun.set()
        threading.Event().wait()

    async def main():
        socket.getaddrinfo = hang
        context = aiomq.Context()
        push = context.socket(aiomq.{kind}, linger=0, connect_timeout=300, reconnect_ivl=100)
        push.connect("{scheme}://backup.example:5555")
        while not begun.is_set():
            await asyncio.sleep(0.001)
        assert await asyncio.to_thread(lambda: 7) == 7
        if {closes}:
            push.close()
            await context.term()
        print("over", flush=True)

    {run}(main())
    print("returned")
"""


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "left open"])
@pytest.mark.parametrize(("scheme", "kind"), [("tcp", "PUSH"), ("udp", "RADIO")])
@pytest.mark.parametrize("run", ["asyncio.run", "aiomq.run"])
def test_a_program_ends_while_a_look_up_hangs(run: str, scheme: str, kind: str, closes: bool) -> None:
    program = textwrap.dedent(PROGRAM.format(run=run, scheme=scheme, kind=kind, closes=closes))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=BOUND, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["over", "returned"], "")
