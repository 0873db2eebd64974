"""An error in one step of an end leaves out none of the others: no peer, descriptor, endpoint or timer stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

import aiomq
from aiomq.core import SocketCore
from aiomq.gate import Gate
from aiomq.patterns.pair import PairPattern
from aiomq.patterns.push_pull import PullPattern
from aiomq.peer import StreamPeer
from aiomq.transports.attempts import Attempt
from aiomq.transports.connection import Connection
from aiomq.transports.dialer import Dialer
from aiomq.transports.heartbeat import Heartbeat
from aiomq.transports.inproc import InprocPeer
from aiomq.transports.inproc_names import InprocNames
from aiomq.transports.listener import Listener
from aiomq.transports.patience import Patience
from aiomq.transports.udp import _UdpPort
from tests.transports.scripted import Script, frame, handshake, settled

ERRORS: Final = (MemoryError, ArithmeticError)

LOST: Final = (
    (Connection, "_stop_timers", True),
    (Heartbeat, "stop", True),
    (Connection, "_deliver_rest", False),
    (Connection, "_deliver_departed", False),
    (Connection, "_discard_rest", False),
    (Connection, "_tell_end", False),
    (StreamPeer, "detach_link", True),
    (StreamPeer, "leave", True),
    (StreamPeer, "_end_departures", False),
    (SocketCore, "link_lost", False),
    (SocketCore, "tell_watchers", False),
    (SocketCore, "emit", False),
    (SocketCore, "revoke_grants", False),
    (SocketCore, "_count_out", True),
    (SocketCore, "wake_after_detach", False),
    (PullPattern, "detach", True),
    (Gate, "wake", False),
)
"""A step of the end of a connection, and whether it is taken before it fails: it is what the rest is for."""


class Faults:
    """Makes one method fail, from `begin` on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.count = 0

    def begin(self, owner: type, name: str, error: type[Exception], *, after: bool) -> None:
        """Let each call of a method raise, instead of what it does or after it."""
        original: Callable[..., Any] = getattr(owner, name)

        def fail(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if after:
                original(*args, **kwargs)
            raise error(f"injected into {name}")

        self._monkeypatch.setattr(owner, name, fail)

    def end(self) -> None:
        """Let everything work again."""
        self._monkeypatch.undo()


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Return what makes steps fail; at the end they work again."""
    made = Faults(monkeypatch)
    yield made
    made.end()


@pytest.fixture
async def told() -> list[BaseException | None]:
    """Return a list that gets what the loop is told of callbacks that failed."""
    errors: list[BaseException | None] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context.get("exception")))
    return errors


def listener_of(socket: aiomq.Socket) -> Listener[Any]:
    (listener,) = socket._core.endpoints.values()
    assert isinstance(listener, Listener)
    return listener


def close(socket: aiomq.Socket) -> None:
    """Close a socket, one of whose steps fails."""
    try:
        socket.close(linger=0)
    except ERRORS as error:
        assert "injected" in str(error)  # noqa: PT017  # others may be told to the loop instead


# -- a connection is lost ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(("owner", "name", "after"), LOST)
async def test_error_at_the_end_of_a_connection_leaves_no_peer(  # noqa: PLR0917  # fixtures and parameters
    context: aiomq.Context,
    script: Script,
    faults: Faults,
    told: list[BaseException | None],
    owner: type,
    name: str,
    after: bool,
    error: type[Exception],
) -> None:
    with context.socket(aiomq.PULL, heartbeat_ivl=60_000) as pull, pull.monitor():
        pull.bind("tcp://127.0.0.1:*")
        listener = listener_of(pull)
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(b"1") * 2)
        await settled(lambda: sum(len(each.inbox) for each in pull._core.peers) == 2)
        (connection,) = listener._connections
        faults.begin(owner, name, error, after=after)
        wire.abort()
        await settled(lambda: connection.lost and bool(told) and not listener._connections)
        faults.end()
        assert faults.count
        assert {type(each) for each in told} == {error}
        assert not pull._core.peers
        assert not listener._handshakes
        assert not pull.peers()
        assert connection._heartbeat is not None
        assert connection._heartbeat._ping_timer is None
        assert await pull.recv() == b"1"


async def test_push_after_errors_at_the_end_of_connections_sends_to_those_who_are_there(
    context: aiomq.Context, script: Script, faults: Faults, told: list[BaseException | None]
) -> None:
    with context.socket(aiomq.PUSH) as push:
        push.bind("tcp://127.0.0.1:*")
        gone = [await script.greeted(push.last_endpoint, "PULL") for _ in range(5)]
        faults.begin(Connection, "_deliver_rest", MemoryError, after=False)
        for wire in gone:
            wire.abort()
        await settled(lambda: not listener_of(push)._connections)
        faults.end()
        assert len(told) == 5
        wire = await script.greeted(push.last_endpoint, "PULL")
        for number in range(10):
            await push.send(b"%d" % number)
        assert [(await wire.frame())[1] for _ in range(10)] == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [each for each in LOST if each[1] not in {"_deliver_departed", "leave", "_end_departures", "_count_out"}]
    + [(Patience, "stop", True)],
)
async def test_error_at_the_end_of_a_connection_does_not_keep_a_dialer_from_the_next(  # noqa: PLR0917  # fixtures and parameters
    context: aiomq.Context,
    script: Script,
    faults: Faults,
    told: list[BaseException | None],
    owner: type,
    name: str,
    after: bool,
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PULL, heartbeat_ivl=60_000, reconnect_ivl=1) as pull, pull.monitor():
        pull.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("PUSH")
        await pull.wait_connected(1)
        (connection,) = [each._connection for each in pull._core.endpoints.values() if isinstance(each, Dialer)]
        assert connection is not None
        faults.begin(owner, name, MemoryError, after=after)
        wire.abort()
        await settled(lambda: connection.lost)
        faults.end()
        again = await script.accepted(acceptor)
        await again.greet("PUSH")
        again.send(frame(b"back"))
        assert await pull.recv() == b"back"
    assert {type(each) for each in told} <= {MemoryError}


async def test_connection_that_ends_in_its_handshake_with_an_error_is_counted_out(
    context: aiomq.Context, script: Script, faults: Faults, told: list[BaseException | None]
) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor():
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        await settled(lambda: listener_of(pull)._handshakes == 1)
        faults.begin(Patience, "stop", MemoryError, after=True)
        wire.abort()
        await settled(lambda: not listener_of(pull)._connections)
        assert listener_of(pull)._handshakes == 0
        faults.end()
    assert told


async def test_error_as_a_connection_is_made_closes_it(
    context: aiomq.Context, script: Script, faults: Faults, told: list[BaseException | None]
) -> None:
    for owner, name in ((Patience, "restart"), (Listener, "connection_made"), (Connection, "_send_handshake")):
        with context.socket(aiomq.PULL) as pull:
            pull.bind("tcp://127.0.0.1:*")
            listener = listener_of(pull)
            faults.begin(owner, name, MemoryError, after=True)
            wire = await script.dial(pull.last_endpoint)
            await wire.ended()
            await settled(lambda: not listener._connections)  # noqa: B023  # done before the next one
            faults.end()
            assert listener._handshakes == 0
    assert {type(each) for each in told} == {MemoryError}


async def test_error_as_a_connection_gets_ready_leaves_no_peer(
    context: aiomq.Context, script: Script, faults: Faults, told: list[BaseException | None]
) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        for name in ("peer_attached", "peer_identified"):
            faults.begin(SocketCore, name, MemoryError, after=True)
            wire = await script.dial(pull.last_endpoint)
            wire.send(handshake("PUSH"))
            await wire.ended()
            await settled(lambda: not listener_of(pull)._connections)
            faults.end()
            assert not pull._core.peers
            assert listener_of(pull)._handshakes == 0
    assert told


# -- a socket is closed -----------------------------------------------------------------------------------------------

CLOSED: Final = (
    (Listener, "_tell_closed", False),
    (Listener, "_stop_listening", True),
    (Dialer, "_cancel_kill_timer", False),
    (Dialer, "_leave_peer", False),
    (Dialer, "_close_peer", True),
    (Attempt, "_stop_timer", True),
    (StreamPeer, "leave", True),
    (StreamPeer, "end_with_socket", False),
    (InprocPeer, "leave", True),
    (InprocPeer, "_say_farewell", False),
    (InprocPeer, "_end_departures", False),
    (InprocNames, "release", True),
    (InprocNames, "bequeath", True),
    (SocketCore, "emit", False),
    (SocketCore, "_fail_waiters", False),
    (SocketCore, "revoke_grants", False),
    (SocketCore, "link_lost", False),
    (Gate, "close", False),
    (PairPattern, "detach", True),
    (_UdpPort, "_cancel_kill_timer", False),
)


async def everything(context: aiomq.Context, script: Script) -> list[aiomq.Socket]:
    """Return sockets with all that there is to be closed: links in both directions, attempts, names, ports."""
    router = context.socket(aiomq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    tcp = router.last_endpoint
    router.bind("inproc://here")
    router.connect("inproc://nowhere")
    dealer = context.socket(aiomq.DEALER, connect_timeout=60_000)
    dealer.connect(tcp)
    dealer.connect("inproc://here")
    dealer.connect(closed := "tcp://{}:{}".format(*script.crowded().getsockname()))
    dish = context.socket(aiomq.DISH)
    dish.bind("udp://127.0.0.1:*")
    pair = context.socket(aiomq.PAIR)
    pair.bind("inproc://pair")
    other = context.socket(aiomq.PAIR)
    other.connect("inproc://pair")
    await dealer.send(b"x")
    await settled(lambda: len(router.peers()) == 3)
    assert closed
    return [router, dealer, dish, pair, other]


def assert_nothing_left(sockets: list[aiomq.Socket]) -> None:
    for socket in sockets:
        core = socket._core
        assert core.finished
        assert not core.endpoints
        assert not core.peers
        assert not core.leaving


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(("owner", "name", "after"), CLOSED)
async def test_error_in_a_step_of_close_leaves_nothing(  # noqa: PLR0917  # fixtures and parameters
    script: Script,
    faults: Faults,
    told: list[BaseException | None],
    owner: type,
    name: str,
    after: bool,
    error: type[Exception],
) -> None:
    context = aiomq.Context()
    sockets = await everything(context, script)
    monitors = [socket.monitor() for socket in sockets]
    faults.begin(owner, name, error, after=after)
    for socket in sockets:
        close(socket)
    await settled(lambda: all(socket._core.finished for socket in sockets))
    faults.end()
    assert faults.count
    assert_nothing_left(sockets)
    assert {type(each) for each in told} <= {error}
    for monitor in monitors:
        monitor.close()
    await context.term()
    assert not context._cores


@pytest.mark.parametrize("how", ["term", "destroy"])
@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [(SocketCore, "terminate", True), (SocketCore, "_fail_waiters", False), (InprocNames, "end", False), *CLOSED[:4]],
)
async def test_error_in_a_step_of_the_end_of_a_context_leaves_nothing(  # noqa: PLR0917  # fixtures and parameters
    script: Script,
    faults: Faults,
    told: list[BaseException | None],
    how: str,
    owner: type,
    name: str,
    after: bool,
) -> None:
    context = aiomq.Context()
    context.linger = 0
    sockets = await everything(context, script)
    faults.begin(owner, name, MemoryError, after=after)
    with pytest.raises(MemoryError, match="injected"):
        await context.term() if how == "term" else context.destroy()
    await settled(lambda: all(socket._core.finished for socket in sockets))
    faults.end()
    assert_nothing_left(sockets)
    assert not context._cores
    assert {type(each) for each in told} <= {MemoryError}
    await context.term()
