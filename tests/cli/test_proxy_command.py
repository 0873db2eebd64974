"""`aiomq proxy` as a user types it, between clients and services of libzmq."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import zmq

from aiomq.cli import main

ROOT = Path(__file__).resolve().parents[2]
ANY = "tcp://127.0.0.1:*"
COUNT = 2000
MILLISECONDS = 20_000

JudgeSocket: TypeAlias = "zmq.Socket[bytes]"

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")


class Proxy:
    """A running proxy, and the endpoints that it told."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", "-m", "aiomq", "proxy", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.endswith("is running\n"):
                return
        assert self.process.stderr is not None
        raise AssertionError(f"it ended: {self.process.stderr.read()}")

    def endpoint(self, end: str, number: int = 0) -> str:
        found = [match[1] for line in self.lines if (match := re.fullmatch(rf"{end} [A-Z]+ bound to (\S+)", line))]
        return found[number]

    def said(self) -> str:
        """Return the next line on standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().strip()

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the status and what else it complained about."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        slow = [line for line in errors.splitlines() if not (line.startswith("Executing <") and " took " in line)]
        return self.process.returncode, "\n".join(slow)


@contextmanager
def running(*arguments: str) -> Iterator[Proxy]:
    proxy = Proxy(*arguments)
    try:
        yield proxy
    finally:
        proxy.process.kill()
        proxy.process.communicate()


class Judge:
    """Sockets of libzmq that wait for so long at most, and are closed with the test."""

    def __init__(self) -> None:
        self.context: zmq.Context[JudgeSocket] = zmq.Context()
        self._made: list[JudgeSocket] = []

    def socket(self, kind: int) -> JudgeSocket:
        socket: JudgeSocket = self.context.socket(kind)
        for option, value in ((zmq.LINGER, 0), (zmq.RCVTIMEO, MILLISECONDS), (zmq.SNDTIMEO, MILLISECONDS)):
            socket.setsockopt(option, value)
        self._made.append(socket)
        return socket

    def close(self) -> None:
        for socket in self._made:
            socket.close()
        self.context.term()


@pytest.fixture
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.close()


def connected(judge: Judge, kind: int, endpoint: str) -> JudgeSocket:
    socket = judge.socket(kind)
    socket.connect(endpoint)
    return socket


@contextmanager
def service(judge: Judge, endpoint: str) -> Iterator[None]:
    """Answer in capitals, in another thread, inside the block."""
    over = threading.Event()

    def work() -> None:
        with connected(judge, zmq.REP, endpoint) as socket:
            while not over.is_set():
                if socket.poll(50):
                    socket.send(socket.recv().upper())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def ends(kind: str) -> tuple[str, ...]:
    return (kind, "--frontend", ANY, "--backend", ANY)


def test_queue_passes_requests_and_replies_between_libzmq_peers(judge: Judge) -> None:
    with running(*ends("queue")) as proxy, service(judge, proxy.endpoint("backend")):
        client = connected(judge, zmq.REQ, proxy.endpoint("frontend"))
        for number in range(COUNT):
            client.send(b"request %d" % number)
            assert client.recv() == b"REQUEST %d" % number


def test_streamer_passes_work_on_in_order(judge: Judge) -> None:
    with running(*ends("streamer")) as proxy:
        source = connected(judge, zmq.PUSH, proxy.endpoint("frontend"))
        sink = connected(judge, zmq.PULL, proxy.endpoint("backend"))

        def send() -> None:
            for number in range(COUNT):
                source.send(b"%d" % number)

        sending = threading.Thread(target=send)
        sending.start()
        assert [sink.recv() for _ in range(COUNT)] == [b"%d" % number for number in range(COUNT)]
        sending.join()


def test_forwarder_passes_subscriptions_up_and_messages_down(judge: Judge) -> None:
    with running(*ends("forwarder"), "--hwm", "0") as proxy:
        publisher = connected(judge, zmq.XPUB, proxy.endpoint("frontend"))
        publisher.setsockopt(zmq.SNDHWM, 0)
        subscriber = judge.socket(zmq.SUB)
        subscriber.setsockopt(zmq.RCVHWM, 0)
        subscriber.connect(proxy.endpoint("backend"))
        subscriber.setsockopt(zmq.SUBSCRIBE, b"wanted")
        assert publisher.recv() == b"\x01wanted"
        for number in range(COUNT):
            publisher.send_multipart([b"other", b"%d" % number])
            publisher.send_multipart([b"wanted", b"%d" % number])
        assert [subscriber.recv_multipart() for _ in range(COUNT)] == [
            [b"wanted", b"%d" % number] for number in range(COUNT)
        ]


def test_ends_may_have_several_endpoints_and_connect(judge: Judge) -> None:
    front, back = judge.socket(zmq.PUSH), judge.socket(zmq.PULL)
    for socket in (front, back):
        socket.bind(ANY)
    where = {socket: socket.getsockopt_string(zmq.LAST_ENDPOINT) for socket in (front, back)}
    arguments = ("--frontend", ANY, "--frontend", f"bind:{ANY}", "--frontend", f"connect:{where[front]}")
    with running("streamer", *arguments, "--backend", f"connect:{where[back]}") as proxy:
        first = connected(judge, zmq.PUSH, proxy.endpoint("frontend", 0))
        second = connected(judge, zmq.PUSH, proxy.endpoint("frontend", 1))
        for number, socket in enumerate((first, second, front)):
            socket.send(b"%d" % number)
        assert sorted(back.recv() for _ in range(3)) == [b"0", b"1", b"2"]
        assert f"frontend PULL connecting to {where[front]}" in proxy.lines
        assert f"backend PUSH connecting to {where[back]}" in proxy.lines


def test_capture_publishes_copies_of_both_directions(judge: Judge) -> None:
    watcher = judge.socket(zmq.XSUB)
    watcher.bind(ANY)
    watcher.send(b"\x01")
    capture = f"connect:{watcher.getsockopt_string(zmq.LAST_ENDPOINT)}"
    with running(*ends("queue"), "--capture", capture) as proxy, service(judge, proxy.endpoint("backend")):
        client = connected(judge, zmq.REQ, proxy.endpoint("frontend"))
        seen: list[list[bytes]] = []
        watcher.setsockopt(zmq.RCVTIMEO, 50)
        while len(seen) < 2:  # until the subscription has arrived
            client.send(b"who goes there")
            assert client.recv() == b"WHO GOES THERE"
            try:
                seen.append(watcher.recv_multipart())
                seen.append(watcher.recv_multipart())
            except zmq.Again:
                continue
        assert {message[-1] for message in seen} <= {b"who goes there", b"WHO GOES THERE"}
        assert all(len(message) == 3 for message in seen)


@posix
def test_sigusr1_prints_statistics_as_often_as_it_comes(judge: Judge) -> None:
    with running(*ends("queue"), "--capture", ANY) as proxy, service(judge, proxy.endpoint("backend")):
        client = connected(judge, zmq.REQ, proxy.endpoint("frontend"))
        for count in (3, 6):
            for _ in range(3):
                client.send(b"x")
                client.recv()
            proxy.process.send_signal(signal.SIGUSR1)
            idle = "dropped=0 queued_in=0 queued_out=0"
            assert proxy.said() == f"frontend: peers=1 received={count} sent={count} {idle}"
            assert proxy.said() == f"backend: peers=1 received={count} sent={count} {idle}"
            assert proxy.said() == f"capture: peers=0 received=0 sent=0 {idle}"
        client.send(b"still there?")
        assert client.recv() == b"STILL THERE?"


@posix
@pytest.mark.parametrize(
    ("number", "status", "words"),
    [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "aiomq proxy: interrupted")],
)
def test_signal_ends_the_proxy_cleanly(judge: Judge, number: int, status: int, words: str) -> None:
    with running("queue", "--frontend", ANY, "--backend", "ipc://*") as proxy:
        path = Path(proxy.endpoint("backend").removeprefix("ipc://"))
        with service(judge, proxy.endpoint("backend")):
            client = connected(judge, zmq.REQ, proxy.endpoint("frontend"))
            client.send(b"x")
            client.recv()
        assert path.is_socket()
        assert proxy.end(number) == (status, words)
        assert not path.exists()


@posix
def test_signal_lets_queued_messages_leave_within_linger(judge: Judge) -> None:
    with running(*ends("streamer"), "--linger", "20000") as proxy:
        source = connected(judge, zmq.PUSH, proxy.endpoint("frontend"))
        sink = judge.socket(zmq.PULL)
        sink.setsockopt(zmq.RCVHWM, 1)
        sink.connect(proxy.endpoint("backend"))
        for number in range(500):
            source.send(b"%d" % number + bytes(10_000))
        assert sink.recv()[:1] == b"0"
        source.close(linger=2000)  # what the proxy had not taken when it was told to end stays here
        proxy.process.send_signal(signal.SIGTERM)
        left = 0
        sink.setsockopt(zmq.RCVTIMEO, 1000)
        while True:
            try:
                sink.recv()
            except zmq.Again:
                break
            left += 1
        assert left > 0
        assert proxy.process.wait(30) == 0


def test_address_in_use_is_told_with_status_1(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    taken = judge.socket(zmq.PULL)
    taken.bind(ANY)
    endpoint = taken.getsockopt_string(zmq.LAST_ENDPOINT)
    assert main(["proxy", "queue", "--frontend", endpoint, "--backend", ANY]) == 1
    assert re.search(rf"aiomq proxy failed: frontend \(ROUTER\): .*{endpoint}.*in use", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--frontend", "tcp://nonsense", "--backend", ANY), r"frontend \(ROUTER\): .*tcp://nonsense.*no port"),
        (("--frontend", ANY, "--backend", "connect:tcp://*:1"), r"backend \(DEALER\): .*tcp://\*:1"),
        (("--frontend", ANY, "--backend", "carrier://pigeon"), r"backend \(DEALER\): .*carrier"),
        (("--frontend", ANY, "--backend", ANY, "--set", "no_such_option=1"), r"no_such_option=1"),
        (("--frontend", ANY, "--backend", ANY, "--set-backend", "router_mandatory=1"), r"backend \(DEALER\)"),
        (("--frontend", ANY, "--backend", ANY, "--set-frontend", "sndhwm=many"), r"sndhwm=many"),
        (("--frontend", ANY, "--backend", ANY, "--set", "topics_per_peer=-1"), r"topics_per_peer takes a number"),
        (("--frontend", ANY, "--backend", ANY, "--set", "topics_max=many"), r"topics_max takes a number"),
        (("--frontend", ANY, "--backend", ANY, "--capture", "tcp://127.0.0.1:99999"), r"capture \(PUB\)"),
    ],
)
def test_wrong_end_is_told_with_status_1(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["proxy", "queue", *arguments]) == 1
    assert re.search(f"aiomq proxy failed: .*{words}", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("queue", "--frontend", ANY), "--backend"),
        (("relay", "--frontend", ANY, "--backend", ANY), "invalid choice: 'relay'"),
        (("queue", "--frontend", "5559", "--backend", ANY), "an endpoint such as tcp://*:5559"),
        (("queue", "--frontend", ANY, "--backend", ANY, "--hwm", "-1"), "a number of messages"),
        (("queue", "--frontend", ANY, "--backend", ANY, "--linger", "soon"), "milliseconds"),
        (("queue", "--frontend", ANY, "--backend", ANY, "--set", "linger"), "NAME=VALUE"),
    ],
)
def test_wrong_use_is_refused_with_status_2(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["proxy", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
