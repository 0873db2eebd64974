"""Messages of every shape and size between aiomq and libzmq, over every pair and transport."""

from __future__ import annotations

from typing import Final

import pytest

import aiomq
from tests.interop.pairs import ADDRESSES, ROLES, Role, exchange, in_order, meeting

SHAPES: Final[dict[str, list[bytes]]] = {
    "one octet": [b"x"],
    "empty": [b""],
    "255 octets, the largest short frame": [b"s" * 255],
    "256 octets, the smallest long frame": [b"l" * 256],
    "all octets": [bytes(reversed(range(256)))],
    "4 KiB and one": [b"k" * 4097],
    "64 KiB": [b"K" * 65536],
    "two frames": [b"first", b"second"],
    "empty frames alone": [b"", b"", b""],
    "empty frames between": [b"", b"body", b"", b"body", b""],
    "long frames among short ones": [b"short", b"l" * 256, b"", b"L" * 100_000, b"s" * 255],
    "a hundred frames": [b"frame %d" % number for number in range(100)],
}

MEBIBYTE: Final = 2**20
TEN_MEBIBYTES: Final = bytes(range(2, 250)) * (10 * MEBIBYTE // 248) + b"!" * (10 * MEBIBYTE % 248)

roles = pytest.mark.parametrize("role", ROLES, ids=[each.name for each in ROLES])
transports = pytest.mark.parametrize("transport", ["tcp", "ipc"])


@transports
@roles
async def test_messages_of_every_shape_arrive_as_they_were_sent(
    context: aiomq.Context, role: Role, transport: str
) -> None:
    async with meeting(context, role, ADDRESSES[transport], aiomq_binds=True) as (socket, peer):
        for body in SHAPES.values():
            await exchange(role.pair, *in_order(role, socket, peer), body)


@transports
@roles
async def test_message_of_ten_mebibytes_arrives_as_it_was_sent(
    context: aiomq.Context, role: Role, transport: str
) -> None:
    assert len(TEN_MEBIBYTES) == 10 * MEBIBYTE
    async with meeting(context, role, ADDRESSES[transport], aiomq_binds=False) as (socket, peer):
        one, other = in_order(role, socket, peer)
        await exchange(role.pair, one, other, [TEN_MEBIBYTES])
        await exchange(role.pair, one, other, [b"small before", TEN_MEBIBYTES, b"", b"small after"])
