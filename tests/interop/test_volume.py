"""A hundred thousand messages between aiomq and libzmq in another process: none lost, none out of order, none twice."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

import aiomq
from aiomq.constants import SocketType
from tests.interop.libzmq_program import Runs
from tests.interop.pairs import ADDRESSES, ROLES, Role, meeting
from tests.interop.peers import LibzmqProcess, recv_numbers, send_numbers

COUNT: Final = 100_000
LOCKSTEP_COUNT: Final = 3_000

NO_LIMIT: Final = {"sndhwm": 0, "rcvhwm": 0}
"""With no mark to reach a publisher drops nothing."""


def role_of(one: SocketType, other: SocketType, *, aiomq_is_one: bool) -> Role:
    return next(each for each in ROLES if each.pair[:2] == (one, other) and each.aiomq_is_one is aiomq_is_one)


T = SocketType
STREAMS: Final = [
    (role_of(T.PUSH, T.PULL, aiomq_is_one=True), "tcp", "connects"),
    (role_of(T.PUSH, T.PULL, aiomq_is_one=True), "ipc", "binds"),
    (role_of(T.PUSH, T.PULL, aiomq_is_one=False), "tcp", "binds"),
    (role_of(T.PUSH, T.PULL, aiomq_is_one=False), "ipc", "connects"),
    (role_of(T.PAIR, T.PAIR, aiomq_is_one=True), "tcp", "binds"),
    (role_of(T.DEALER, T.DEALER, aiomq_is_one=True), "ipc", "connects"),
    (role_of(T.DEALER, T.ROUTER, aiomq_is_one=True), "tcp", "connects"),
    (role_of(T.DEALER, T.ROUTER, aiomq_is_one=False), "tcp", "binds"),
    (role_of(T.ROUTER, T.ROUTER, aiomq_is_one=True), "ipc", "binds"),
    (role_of(T.PUB, T.SUB, aiomq_is_one=True), "tcp", "binds"),
    (role_of(T.PUB, T.SUB, aiomq_is_one=False), "tcp", "connects"),
]
_NAMES: Final = [f"{role.name} over {transport}, aiomq {what}" for role, transport, what in STREAMS]


@pytest.mark.parametrize(("role", "transport", "what"), STREAMS, ids=_NAMES)
async def test_hundred_thousand_messages_arrive_once_each_and_in_order(
    context: aiomq.Context, role: Role, transport: str, what: str
) -> None:
    pair = role.pair
    options: dict[str, Any] = NO_LIMIT if pair.one is SocketType.PUB else {}
    ours, theirs = (pair.prefix, pair.envelope) if role.aiomq_is_one else (pair.envelope, pair.prefix)

    async def to_libzmq(socket: aiomq.Socket, peer: LibzmqProcess) -> Runs:
        received, _ = await asyncio.gather(peer.recv_numbers(COUNT, theirs), send_numbers(socket, 0, COUNT, ours))
        return received

    async def to_aiomq(socket: aiomq.Socket, peer: LibzmqProcess) -> Runs:
        _, received = await asyncio.gather(peer.send_numbers(0, COUNT, theirs), recv_numbers(socket, COUNT, ours))
        return received

    there, back = (to_libzmq, to_aiomq) if role.aiomq_is_one else (to_aiomq, to_libzmq)
    async with meeting(
        context, role, ADDRESSES[transport], aiomq_binds=what == "binds", libzmq=LibzmqProcess, **options
    ) as (socket, peer):
        assert isinstance(peer, LibzmqProcess)
        assert await there(socket, peer) == [[0, COUNT - 1]]
        if pair.answers:
            assert await back(socket, peer) == [[0, COUNT - 1]]


@pytest.mark.parametrize("aiomq_is_one", [True, False], ids=["aiomq asks", "libzmq asks"])
async def test_requests_in_lockstep_are_each_answered_by_their_own_reply(
    context: aiomq.Context, aiomq_is_one: bool
) -> None:
    role = role_of(SocketType.REQ, SocketType.REP, aiomq_is_one=aiomq_is_one)
    async with meeting(context, role, ADDRESSES["tcp"], aiomq_binds=True, libzmq=LibzmqProcess) as (socket, peer):
        assert isinstance(peer, LibzmqProcess)
        if aiomq_is_one:
            echo = asyncio.create_task(peer.ask("echo", LOCKSTEP_COUNT))
            for number in range(LOCKSTEP_COUNT):
                await socket.send(b"%d" % number)
                assert await socket.recv() == b"%d" % number
            await echo
        else:
            answers = asyncio.create_task(peer.ask("request_numbers", LOCKSTEP_COUNT))
            for _ in range(LOCKSTEP_COUNT):
                await socket.send(await socket.recv())
            assert await answers == [[0, LOCKSTEP_COUNT - 1]]


@pytest.mark.parametrize("socket_type", [T.DEALER, T.PAIR], ids=["DEALER", "PAIR"])
async def test_hundred_thousand_messages_both_ways_at_once_come_back_in_order(
    context: aiomq.Context, socket_type: SocketType
) -> None:
    role = role_of(socket_type, socket_type, aiomq_is_one=True)
    async with meeting(context, role, ADDRESSES["tcp"], aiomq_binds=False, libzmq=LibzmqProcess) as (socket, peer):
        assert isinstance(peer, LibzmqProcess)
        received, *_ = await asyncio.gather(
            recv_numbers(socket, COUNT), send_numbers(socket, 0, COUNT), peer.ask("echo", COUNT)
        )
    assert received == [[0, COUNT - 1]]
