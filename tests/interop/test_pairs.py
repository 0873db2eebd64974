"""Every valid pair of socket types: aiomq in either role, binding or connecting, over what libzmq can reach."""

from __future__ import annotations

import sys

import pytest

import aiomq
from aiomq.socket_types import COMPATIBLE
from tests.interop.pairs import ADDRESSES, PAIRS, ROLES, Role, exchange, in_order, meeting


def test_pairs_table_has_every_pair_that_a_handshake_allows() -> None:
    stable = {each for pair in PAIRS for each in pair[:2]}
    allowed = {frozenset((one, other)) for one in stable for other in COMPATIBLE[one]}
    assert {frozenset(pair[:2]) for pair in PAIRS} == allowed


@pytest.mark.parametrize("aiomq_binds", [True, False], ids=["aiomq binds", "aiomq connects"])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("role", ROLES, ids=[each.name for each in ROLES])
async def test_pair_with_libzmq_exchanges_messages_again_and_again(
    context: aiomq.Context, role: Role, transport: str, aiomq_binds: bool
) -> None:
    async with meeting(context, role, ADDRESSES[transport], aiomq_binds=aiomq_binds) as (socket, peer):
        one, other = in_order(role, socket, peer)
        for number in range(3):
            await exchange(role.pair, one, other, [b"body %d" % number])
            await exchange(role.pair, one, other, [b"first of", b"%d" % number, b"frames"])


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
@pytest.mark.parametrize("aiomq_binds", [True, False], ids=["aiomq binds", "aiomq connects"])
async def test_pair_over_an_abstract_ipc_name_exchanges_messages(
    context: aiomq.Context, aiomq_binds: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    role = ROLES[-1]
    name = f"ipc://@aiomq-{tmp_path_factory.getbasetemp().name}-{id(context)}"
    async with meeting(context, role, name, aiomq_binds=aiomq_binds) as (socket, peer):
        await exchange(role.pair, *in_order(role, socket, peer), [b"body"])
