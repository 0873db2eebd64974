"""Budgets: one table of them, attributes for sockets and contexts, and what is counted of them."""

from __future__ import annotations

import asyncio
import errno

import pytest

import aiomq
from aiomq.budget_attributes import BudgetAttribute, BudgetAttributes
from aiomq.budgets import BUDGETS, Budgets
from aiomq.option_spec import SocketOptions

TIMEOUT = 10


def test_table_attributes_and_struct_have_the_same_budgets() -> None:
    attributes = {name for name, value in vars(BudgetAttributes).items() if isinstance(value, BudgetAttribute)}

    assert set(BUDGETS) == attributes == set(Budgets.__struct_fields__)
    assert set(BUDGETS) <= set(SocketOptions.__struct_fields__)


@pytest.mark.parametrize("name", BUDGETS)
def test_budget_is_an_attribute_of_sockets_and_contexts(name: str) -> None:
    with aiomq.Context() as context:
        assert getattr(context, name) == BUDGETS[name].default
        with context.socket(aiomq.PULL) as early:
            assert getattr(early, name) == BUDGETS[name].default
        setattr(context, name, 7)
        with context.socket(aiomq.PULL, **{name: 9}) as chosen:
            assert getattr(chosen, name) == 9
        socket = context.socket(aiomq.PULL)
        assert getattr(socket, name) == getattr(context, name) == 7
        setattr(socket, name, 8)
        assert getattr(socket, name) == 8
        with pytest.raises(aiomq.ZMQError, match=rf"{name} takes a number of \w+ from 0 \(no limit\) on") as caught:
            setattr(socket, name, -1)
        assert caught.value.errno == errno.EINVAL
        with pytest.raises(TypeError, match=name):
            setattr(context, name, "many")
        socket.close()


async def test_counters_tell_connections_that_failed_and_broke_the_protocol(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        monitor = pull.monitor()
        host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"\xff" + bytes(8) + b"\x7f\x03" + bytes(54))  # a mechanism that nobody has
            async for event in monitor:
                if event.event == aiomq.Event.DISCONNECTED:
                    break
            writer.close()
        counters = pull.counters

        assert (counters.failed_handshakes, counters.protocol_errors, counters.refused) == (1, 1, 0)
        assert (counters.cut, counters.over) == (0, {})


async def test_counters_tell_connections_that_were_not_let_in(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, tcp_accept_filter="192.0.2.1") as pull:
        pull.bind("tcp://127.0.0.1:*")
        monitor = pull.monitor()
        host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(host, int(port))
            async for event in monitor:
                if event.event == aiomq.Event.ACCEPT_FAILED:
                    break
            writer.close()
        counters = pull.counters

        assert (counters.refused, counters.failed_handshakes) == (1, 0)
        del reader
