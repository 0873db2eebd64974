"""Scenes from the life of a socket, each played to aiomq and to libzmq: both must tell the same, from first to last.

The last event is always MONITOR_STOPPED, so that what one library tells too much is seen as well. Not compared are
descriptors, intervals, and the errno of a HANDSHAKE_FAILED_NO_DETAIL, which depends on how the system tells of a loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import pytest
import zmq

import aiomq
from aiomq import Event, ProtocolError
from tests.parity.subjects import Make, Subject, ours, theirs
from tests.transports.judge import Judge
from tests.transports.scripted import COMMAND, GREETING, Script, Wire, closed_port, frame, greeting, ready

Told: TypeAlias = list[tuple[str, int]]

_VARYING: Final = (
    Event.CONNECTED | Event.LISTENING | Event.ACCEPTED | Event.CLOSED | Event.DISCONNECTED | Event.CONNECT_RETRIED
) | Event.HANDSHAKE_FAILED_NO_DETAIL


class Stage:
    """Where a scene is played: a maker of sockets of one library, and scripted peers."""

    def __init__(self, make: Make, script: Script, folder: Path) -> None:
        self._make = make
        self._made: list[Subject] = []
        self.script = script
        self.folder = folder

    def make(self, socket_type: int, **options: object) -> Subject:
        """Return a socket that lives until `close`."""
        self._made.append(self._make(socket_type, **options))
        return self._made[-1]

    def close(self) -> None:
        """Close all sockets."""
        for each in self._made:
            each.close()

    def watched(self, socket_type: int, **options: object) -> Subject:
        """Return a socket whose events are collected."""
        subject = self.make(socket_type, **options)
        subject.watch()
        return subject


Scene: TypeAlias = Callable[[Stage], Awaitable[tuple[Subject, Told]]]
"""Returns who was watched and is to be closed, and what it told until then."""


async def carried_out(ending: Subject, other: Subject) -> None:
    """Wait until the other side sees a disconnect or unbind; libzmq goes on with it whenever the socket is used."""
    seen = asyncio.ensure_future(other.told_until(Event.DISCONNECTED))
    while not seen.done():
        _ = ending.writable
        await asyncio.sleep(0)
    assert seen.result()


# -- the side that connects -------------------------------------------------------------------------------------------


async def closes_itself(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.make(zmq.PULL), stage.watched(zmq.PUSH)
    push.connect(pull.bind("tcp://127.0.0.1:*"))
    return push, await push.told_until(Event.HANDSHAKE_SUCCEEDED)


async def disconnects(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.make(zmq.PULL), stage.watched(zmq.PUSH)
    pull.watch()
    endpoint = pull.bind("tcp://127.0.0.1:*")
    push.connect(endpoint)
    seen = await push.told_until(Event.HANDSHAKE_SUCCEEDED)
    push.disconnect(endpoint)
    await carried_out(push, pull)
    return push, seen


async def loses_its_peer(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.make(zmq.PULL), stage.watched(zmq.PUSH, reconnect_ivl=30_000)
    push.connect(pull.bind("tcp://127.0.0.1:*"))
    seen = await push.told_until(Event.HANDSHAKE_SUCCEEDED)
    pull.close()
    return push, seen + await push.told_until(Event.CONNECT_RETRIED)


async def is_refused(stage: Stage) -> tuple[Subject, Told]:
    push = stage.watched(zmq.PUSH, reconnect_ivl=30_000)
    push.connect(closed_port(stage.script.bound()))
    return push, await push.told_until(Event.CONNECT_RETRIED)


async def is_refused_and_does_not_try_again(stage: Stage) -> tuple[Subject, Told]:
    push = stage.watched(zmq.PUSH, reconnect_ivl=-1)
    push.connect(closed_port(stage.script.bound()))
    return push, await push.told_until(Event.CLOSED)


async def finds_nobody_at_a_path(stage: Stage) -> tuple[Subject, Told]:
    push = stage.watched(zmq.PUSH, reconnect_ivl=30_000)
    push.connect(f"ipc://{stage.folder}/nobody")
    return push, await push.told_until(Event.CONNECT_RETRIED)


async def finds_no_such_name(stage: Stage) -> tuple[Subject, Told]:
    push = stage.watched(zmq.PUSH, reconnect_ivl=30_000)
    push.connect("tcp://no-such-name.invalid:9")
    return push, await push.told_until(Event.CONNECT_RETRIED)


async def closes_while_an_attempt_goes_on(stage: Stage) -> tuple[Subject, Told]:
    push = stage.watched(zmq.PUSH)
    push.connect(closed_port(stage.script.crowded()))
    return push, await push.told_until(Event.CONNECT_DELAYED)


# -- the side that binds ----------------------------------------------------------------------------------------------


async def closes_with_a_peer(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.watched(zmq.PULL), stage.make(zmq.PUSH)
    push.connect(pull.bind("tcp://127.0.0.1:*"))
    return pull, await pull.told_until(Event.HANDSHAKE_SUCCEEDED)


async def unbinds(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.watched(zmq.PULL), stage.make(zmq.PUSH)
    push.watch()
    endpoint = pull.bind("tcp://127.0.0.1:*")
    push.connect(endpoint)
    seen = await pull.told_until(Event.HANDSHAKE_SUCCEEDED)
    pull.unbind(endpoint)
    await carried_out(pull, push)
    return pull, seen


async def is_left_by_its_peer(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.watched(zmq.PULL), stage.make(zmq.PUSH)
    push.connect(pull.bind("tcp://127.0.0.1:*"))
    seen = await pull.told_until(Event.HANDSHAKE_SUCCEEDED)
    push.close()
    return pull, seen + await pull.told_until(Event.DISCONNECTED)


async def closes_in_a_handshake(stage: Stage) -> tuple[Subject, Told]:
    pull = stage.watched(zmq.PULL)
    wire = await stage.script.dial(pull.bind("tcp://127.0.0.1:*"))
    seen = await pull.told_until(Event.ACCEPTED)
    await wire.read(10)
    return pull, seen


async def finds_its_port_in_use(stage: Stage) -> tuple[Subject, Told]:
    taken = stage.script.bound()
    taken.listen()
    return await _cannot_bind(stage, closed_port(taken))


async def finds_no_such_folder(stage: Stage) -> tuple[Subject, Told]:
    return await _cannot_bind(stage, f"ipc://{stage.folder}/missing/path")


async def finds_no_such_interface(stage: Stage) -> tuple[Subject, Told]:
    return await _cannot_bind(stage, "tcp://no-such-name.invalid:9")


async def _cannot_bind(stage: Stage, address: str) -> tuple[Subject, Told]:
    pull = stage.watched(zmq.PULL)
    with pytest.raises((aiomq.ZMQError, zmq.ZMQError)):
        pull.bind(address)
    return pull, await pull.told_until(Event.BIND_FAILED)


async def has_inproc_peers(stage: Stage) -> tuple[Subject, Told]:
    pull, push = stage.watched(zmq.PULL), stage.make(zmq.PUSH)
    pull.bind("inproc://seen-by-nobody")
    push.connect("inproc://seen-by-nobody")
    await push.send(b"message")
    assert await pull.recv() == [b"message"]
    push.close()
    return pull, []


# -- peers of other versions -----------------------------------------------------------------------------------------


async def has_a_peer_of_version_2(stage: Stage) -> tuple[Subject, Told]:
    return await _old_peer(stage, b"\xff" + bytes(7) + b"\x01\x7f\x01\x08" + b"\0\0" + b"\0\x02hi")


async def has_a_peer_of_version_1(stage: Stage) -> tuple[Subject, Told]:
    return await _old_peer(stage, b"\x01\0" + b"\x03\0hi")


async def _old_peer(stage: Stage, said: bytes) -> tuple[Subject, Told]:
    pull = stage.watched(zmq.PULL)
    wire = await stage.script.dial(pull.bind("tcp://127.0.0.1:*"))
    wire.send(said)
    assert await pull.recv() == [b"hi"]
    wire.close()
    return pull, await pull.told_until(Event.DISCONNECTED)


@pytest.mark.parametrize(
    "scene",
    [
        closes_itself,
        disconnects,
        loses_its_peer,
        is_refused,
        is_refused_and_does_not_try_again,
        finds_nobody_at_a_path,
        finds_no_such_name,
        closes_while_an_attempt_goes_on,
        closes_with_a_peer,
        unbinds,
        is_left_by_its_peer,
        closes_in_a_handshake,
        finds_its_port_in_use,
        finds_no_such_folder,
        finds_no_such_interface,
        has_inproc_peers,
        has_a_peer_of_version_2,
        has_a_peer_of_version_1,
    ],
)
async def test_monitor_of_a_socket_that(
    scene: Scene, context: aiomq.Context, judge: Judge, script: Script, tmp_path: Path
) -> None:
    seen = await played(scene, Stage(ours(context), script, tmp_path))
    expected = await played(scene, Stage(theirs(judge), script, tmp_path))

    assert seen == expected
    assert seen[-1] == ("MONITOR_STOPPED", 0)


async def played(scene: Scene, stage: Stage) -> Told:
    """Play a scene to its end; return what can be compared of what was told."""
    try:
        watched, seen = await scene(stage)
        watched.close()
        seen = seen + await watched.told_until(Event.MONITOR_STOPPED)
    finally:
        stage.close()
    return [(name, 0 if Event[name] & _VARYING else value) for name, value in seen]


# -- handshakes that fail --------------------------------------------------------------------------------------------


class Offence(NamedTuple):
    """What a peer says, and what is told of it."""

    said: bytes
    event: Event | None
    """None where libzmq has no other event than DISCONNECTED."""
    code: int = 0
    handshake_ivl: int = 30_000


_PROTOCOL: Final = Event.HANDSHAKE_FAILED_PROTOCOL

OFFENCES: Final = {
    "no greeting in time": Offence(b"", Event.HANDSHAKE_FAILED_NO_DETAIL, handshake_ivl=20),
    "no command in time": Offence(GREETING, Event.HANDSHAKE_FAILED_NO_DETAIL, handshake_ivl=20),
    "another mechanism": Offence(greeting(b"CURVE"), _PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH),
    "a command of another mechanism": Offence(
        GREETING + frame(b"\x08INITIATE", COMMAND), _PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
    ),
    "an empty command": Offence(
        GREETING + frame(b"", COMMAND), _PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
    ),
    "metadata that end too early": Offence(GREETING + frame(b"\x05READY\x0bSocket-Type\0\0\0\x09PUSH", COMMAND), None),
    "a type that it cannot talk to": Offence(GREETING + ready("SUB"), None),
    "an error without a reason": Offence(
        GREETING + frame(b"\x05ERROR", COMMAND), _PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR
    ),
    "an error whose reason is cut": Offence(
        GREETING + frame(b"\x05ERROR\x09bad", COMMAND),
        _PROTOCOL,
        ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR,
    ),
}


@pytest.mark.parametrize("binds", [True, False], ids=["bound", "connected"])
@pytest.mark.parametrize("offence", [pytest.param(each, id=name) for name, each in OFFENCES.items()])
async def test_monitor_of_a_failed_handshake_tells_the_code(
    offence: Offence, binds: bool, context: aiomq.Context, judge: Judge, script: Script
) -> None:
    async def scene(stage: Stage) -> tuple[Subject, Told]:
        pull = stage.watched(zmq.PULL, handshake_ivl=offence.handshake_ivl, reconnect_ivl=-1)
        wire = await _met(stage, pull, binds=binds)
        wire.send(offence.said)
        await wire.ended()
        return pull, await pull.told_until(Event.DISCONNECTED)

    seen = await played(scene, Stage(ours(context), script, Path()))

    assert seen == await played(scene, Stage(theirs(judge), script, Path()))
    if offence.event is None:
        assert not any(name.startswith("HANDSHAKE") for name, _ in seen)
    else:
        value = 0 if offence.event & _VARYING else int(offence.code)
        assert (offence.event.name, value) in seen


async def _met(stage: Stage, subject: Subject, *, binds: bool) -> Wire:
    if binds:
        return await stage.script.dial(subject.bind("tcp://127.0.0.1:*"))
    acceptor = await stage.script.listen()
    subject.connect(acceptor.endpoint)
    return await stage.script.accepted(acceptor)


# -- handshakes with security ------------------------------------------------------------------------------------------

_PLAIN: Final = greeting(b"PLAIN")

PLAIN_OFFENCES: Final = {
    "a hello that is cut": Offence(
        _PLAIN + frame(b"\x05HELLO\x04ad", COMMAND),
        _PROTOCOL,
        ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO,
    ),
    "another command than hello": Offence(
        _PLAIN + frame(b"\x08INITIATE", COMMAND), _PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
    ),
    "no mechanism": Offence(GREETING + ready("PUSH"), _PROTOCOL, ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH),
    "a password that nobody is there to check": Offence(
        _PLAIN + frame(b"\x05HELLO\x05admin\x06secret", COMMAND), Event.HANDSHAKE_FAILED_NO_DETAIL
    ),
}


@pytest.mark.parametrize("offence", [pytest.param(each, id=name) for name, each in PLAIN_OFFENCES.items()])
async def test_monitor_of_a_plain_server_tells_the_code(
    offence: Offence, context: aiomq.Context, judge: Judge, script: Script
) -> None:
    async def scene(stage: Stage) -> tuple[Subject, Told]:
        pull = stage.watched(zmq.PULL, plain_server=1)
        wire = await _met(stage, pull, binds=True)
        wire.send(offence.said)
        await wire.ended()
        return pull, await pull.told_until(Event.DISCONNECTED)

    seen = await played(scene, Stage(ours(context), script, Path()))

    assert seen == await played(scene, Stage(theirs(judge), script, Path()))
    assert offence.event is not None
    assert (offence.event.name, int(offence.code)) in seen
