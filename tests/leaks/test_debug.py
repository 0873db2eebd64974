"""`aiomq.debug`: what is open, what is queued there, and where it was made."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from pathlib import Path

import pytest

import aiomq
from aiomq import debug
from tests.faults.processes import program
from tests.sockets.links import in_thread, linked, turns, until

HERE = Path(__file__).name


def of_type(name: str) -> debug.OpenSocket:
    """Return the only open socket of a type."""
    (found,) = [each for each in debug.open_sockets() if each.socket_type == name]
    return found


async def test_debug_of_a_program_without_sockets_is_empty() -> None:
    assert debug.open_contexts() == []
    assert debug.open_sockets() == []
    assert aiomq.debug.report() == "0 contexts, 0 sockets"


async def test_debug_tells_the_places_of_contexts_sockets_and_endpoints() -> None:
    async with aiomq.Context() as context:
        with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
            pull.bind("inproc://places")
            push.connect("inproc://places")

            (found,) = debug.open_contexts()
            bound, connected = of_type("PULL"), of_type("PUSH")

    assert HERE in found.made_at
    assert found.made_at == bound.context_made_at == connected.context_made_at
    assert sorted(found.sockets, key=lambda each: each.socket_type) == [bound, connected]
    assert [(each.kind, each.endpoint, each.leaving) for each in bound.endpoints] == [
        ("bound", "inproc://places", False)
    ]
    assert [(each.kind, each.endpoint, each.leaving) for each in connected.endpoints] == [
        ("connected", "inproc://places", False)
    ]
    endpoints = (*bound.endpoints, *connected.endpoints)
    places = [found.made_at, bound.made_at, *(each.made_at for each in endpoints)]
    assert all(HERE in place for place in places)
    lines = [int(place.rpartition(":")[2]) for place in places]
    assert lines == sorted(set(lines))


async def test_debug_counts_messages_and_bytes_on_both_sides_of_a_connection(context: aiomq.Context) -> None:
    pull, push = linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    await push.send(b"abc")
    await push.send_multipart([b"abc", b"de"])
    await until(lambda: of_type("PULL").queued_in == 2)

    receiver, sender = of_type("PULL"), of_type("PUSH")

    assert (receiver.bytes_in, receiver.queued_out, receiver.bytes_out) == (8, 0, 0)
    (peer,) = receiver.peers
    assert (peer.state, peer.endpoint, peer.queued_in, peer.bytes_in) == ("connected", pull.last_endpoint, 2, 8)
    assert peer.address.startswith("127.0.0.1:")
    assert (sender.queued_out, sender.bytes_out, sender.bytes_unsent) == (0, 0, 0)
    assert sender.state == "open"
    assert "running=True" in sender.loop


async def test_debug_shows_messages_that_wait_for_a_peer_and_bytes_that_the_system_does_not_take(
    context: aiomq.Context,
) -> None:
    pull, push = linked(context, "ipc://*", aiomq.PULL, aiomq.PUSH, rcvhwm=1, sndhwm=0)
    await push.send_many([bytes(100_000)] * 100)
    await until(lambda: of_type("PUSH").bytes_unsent)
    await turns(20)

    sender = of_type("PUSH")

    assert sender.queued_out > 0
    assert sender.bytes_out == sender.queued_out * 100_000
    assert 0 < sender.bytes_unsent < 100 * 100_009
    assert f"queued out={sender.queued_out} ({sender.bytes_out} bytes)" in debug.report()
    assert f"{sender.bytes_unsent} bytes unsent" in debug.report()
    pull.close()


async def test_debug_shows_a_closed_socket_as_long_as_it_lingers(context: aiomq.Context, tmp_path: Path) -> None:
    push = context.socket(aiomq.PUSH)
    push.connect(f"ipc://{tmp_path}/nobody")
    await push.send(b"12345")

    push.close(linger=-1)

    found = of_type("PUSH")
    assert (found.state, found.queued_out, found.bytes_out) == ("lingering", 1, 5)
    assert [each.leaving for each in found.endpoints] == [True]
    push.close(linger=0)
    await until(lambda: debug.open_sockets() == [])


async def test_debug_shows_a_socket_of_a_context_that_was_shut_down(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    context.shutdown()

    assert of_type("PULL").state == "terminated"
    assert "terminated, waits for its sockets" in debug.report()
    pull.close()


async def test_debug_shows_a_socket_that_was_used_in_no_loop() -> None:
    async with aiomq.Context() as context:
        with context.socket(aiomq.PULL):
            found = of_type("PULL")

    assert (found.state, found.loop, found.endpoints, found.peers) == ("open", "", (), ())


async def test_debug_sees_sockets_of_other_threads_while_these_work() -> None:
    seen: list[debug.OpenSocket] = []
    enough = threading.Event()
    async with aiomq.Context() as context:

        async def work() -> None:
            pull, push = linked(context, "inproc://work", aiomq.PULL, aiomq.PUSH, hwm=100)
            while not enough.is_set():
                await push.send_many([b"x"] * 100)
                await pull.recv_many()
            await push.aclose(0)
            await pull.aclose()

        working = asyncio.create_task(in_thread(work))
        while len(seen) < 200:
            seen += debug.open_sockets()
            assert debug.report().startswith("1 context, ")
            await turns(1)
        enough.set()
        await working

    assert {each.socket_type for each in seen} == {"PULL", "PUSH"}


async def test_debug_shows_what_waits_for_an_inproc_name_without_its_socket(context: aiomq.Context) -> None:
    with context.socket(aiomq.PUSH) as push:
        push.connect("inproc://later")
        await push.send(b"12345")
        await push.send(b"6")

    (found,) = debug.open_contexts()

    assert found.undelivered == (debug.Undelivered(endpoint="inproc://later", queued=2, bytes=6),)
    assert "2 messages (6 bytes) of a closed socket for inproc://later, which nobody has bound" in debug.report()


async def test_debug_report_has_a_line_for_each_thing(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://lines", aiomq.PULL, aiomq.PUSH)
    await push.send(b"abc")
    pull.rcvhwm = 5

    lines = debug.report().splitlines()

    assert lines[0] == "1 context, 2 sockets"
    assert [line.split()[0] for line in lines[1:]].count("context") == 1
    assert sum("PULL made at" in line and "in=1 (3 bytes)" in line for line in lines) == 1
    assert sum("bound inproc://lines at" in line for line in lines) == 1
    assert sum("connected inproc://lines at" in line for line in lines) == 1
    assert sum("peer of inproc://lines: connected" in line for line in lines) == 2


async def test_debug_forgets_endpoints_that_were_removed(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    for _ in range(3):
        pull.bind("inproc://removed")
        pull.unbind("inproc://removed")

    assert of_type("PULL").endpoints == ()
    assert pull._core.places == {}


async def test_debug_values_cannot_be_changed(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL):
        found = of_type("PULL")

    with pytest.raises(dataclasses.FrozenInstanceError):
        found.state = "mine"  # type: ignore[misc]  # frozen is what is tested


# -- at the end of the program ----------------------------------------------------------------------------------------

LEFT = """
import asyncio
import aiomq

context = aiomq.Context()
shared = aiomq.Context.instance()

async def main():
    global pull, push
    pull = context.socket(aiomq.PULL)
    push = shared.socket(aiomq.PUSH)
    pull.bind("inproc://left")

asyncio.run(main())
"""


@pytest.mark.parametrize("options", [("-X", "dev"), ("-W", "default::ResourceWarning")])
def test_what_is_open_when_the_program_ends_warns_once_with_its_place(options: tuple[str, ...]) -> None:
    with program(LEFT, options=options) as running:
        status, output, errors = running.finish()

    assert (status, output) == (0, "")
    told = [line.partition(": ") for line in errors.splitlines() if "unclosed" in line]
    assert {place for place, _, _ in told} <= {
        "sys:1",
        "<sys>:0",
    }  # how Python has called no place at all; 3.13 changed
    assert sorted(what for _, _, what in told) == [
        "ResourceWarning: unclosed PULL socket, made at <string>:10",
        "ResourceWarning: unclosed PUSH socket, made at <string>:11",
        "ResourceWarning: unclosed context, made at <string>:5",
    ]


def test_what_is_open_when_the_program_ends_says_nothing_to_those_who_did_not_ask() -> None:
    with program(LEFT) as running:
        assert running.finish() == (0, "", "")
