"""Small programs of every kind, run with -X dev and every warning an error: they have nothing to say."""

from __future__ import annotations

import textwrap
from typing import Final

import pytest

from tests.faults.processes import program

PAIRS: Final = """
async with aiomq.Context() as context:
    for address in ("tcp://127.0.0.1:*", "ipc://*", "inproc://name"):
        for one, other in (("PAIR", "PAIR"), ("PULL", "PUSH"), ("REP", "REQ"), ("ROUTER", "DEALER"), ("XPUB", "SUB")):
            bound, connected = (context.socket(getattr(aiomq, name)) for name in (one, other))
            bound.bind(address)
            connected.connect(bound.last_endpoint)
            if other == "SUB":
                connected.subscribe("")
                await bound.recv()
                bound, connected = connected, bound
            await connected.send(b"x")
            assert (await bound.recv_multipart())[-1] == b"x"
            await bound.aclose()
            connected.close()
"""

DRAFTS: Final = """
async with aiomq.Context() as context:
    for one, other in (("GATHER", "SCATTER"), ("CHANNEL", "CHANNEL"), ("SERVER", "CLIENT")):
        bound, connected = (context.socket(getattr(aiomq, name)) for name in (one, other))
        bound.bind("tcp://127.0.0.1:*")
        connected.connect(bound.last_endpoint)
        await connected.send(b"x")
        assert await bound.recv() == b"x"
        await bound.aclose()
        connected.close()
"""

POLLER: Final = """
async with aiomq.Context() as context, context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
    with pull.monitor() as events, pull.bind("tcp://127.0.0.1:*"):
        with push.connect(pull.last_endpoint):
            poller = aiomq.Poller()
            poller.register(pull, aiomq.POLLIN)
            assert not await poller.poll(0)
            await push.send(b"x")
            assert await poller.poll()
            assert await pull.recv() == b"x"
            waiting = asyncio.create_task(poller.poll())
            await asyncio.sleep(0)
            waiting.cancel()
        assert (await anext(events)).event is aiomq.Event.LISTENING
"""

PROXY: Final = """
async with aiomq.Context() as context:
    frontend, backend = context.socket(aiomq.ROUTER), context.socket(aiomq.DEALER)
    frontend.bind("inproc://front")
    backend.bind("inproc://back")
    moving = asyncio.create_task(aiomq.proxy(frontend, backend))
    rep, req = context.socket(aiomq.REP), context.socket(aiomq.REQ)
    rep.connect("inproc://back")
    req.connect("inproc://front")
    await req.send(b"x")
    await rep.send(await rep.recv())
    assert await req.recv() == b"x"
    moving.cancel()
"""

THREADS: Final = """
async with aiomq.Context() as context, context.socket(aiomq.PULL) as pull:
    pull.bind("inproc://work")

    async def work():
        async with context.socket(aiomq.PUSH) as push:
            push.connect("inproc://work")
            await push.send(b"x")

    worker = aiomq.run_in_thread(work)
    assert await pull.recv() == b"x"
    await worker.join()
"""

SECURITY: Final = """
from aiomq.auth import CURVE_ALLOW_ANY, Authenticator
public, secret = aiomq.curve_keypair()
async with aiomq.Context() as context:
    async with Authenticator(context) as auth:
        auth.configure_curve(location=CURVE_ALLOW_ANY)
        pull = context.socket(aiomq.PULL, curve_server=True, curve_secretkey=secret)
        pull.bind("tcp://127.0.0.1:*")
        own_public, own_secret = aiomq.curve_keypair()
        push = context.socket(
            aiomq.PUSH, curve_serverkey=public, curve_publickey=own_public, curve_secretkey=own_secret
        )
        push.connect(pull.last_endpoint)
        await push.send(b"x")
        assert await pull.recv() == b"x"
"""

TRACKING: Final = """
async with aiomq.Context() as context, context.socket(aiomq.PUSH) as push:
    pull = context.socket(aiomq.PULL)
    push.connect("inproc://later")
    tracker = await push.send(b"x", copy=False, track=True)
    pull.bind("inproc://later")
    await tracker
    assert bytes((await pull.recv(copy=False)).bytes) == b"x"
"""

UNREACHABLE: Final = """
context = aiomq.Context()
context.linger = 0
for address in ("tcp://127.0.0.1:9", "tcp://no.such.host.invalid:1", "ipc:///tmp/no/such/folder/socket", "inproc://no"):
    push = context.socket(aiomq.PUSH)
    push.connect(address)
    await push.send(b"x")
    kept.append(push)
await context.term()
"""

PROGRAMS: Final = {
    "pairs": PAIRS,
    "drafts": DRAFTS,
    "poller and monitor": POLLER,
    "proxy": PROXY,
    "threads": THREADS,
    "security": SECURITY,
    "tracking": TRACKING,
    "nobody there": UNREACHABLE,
    "report": """
async with aiomq.Context() as context, context.socket(aiomq.PULL) as pull:
    pull.bind("tcp://127.0.0.1:*")
    assert "PULL made at" in aiomq.debug.report()
""",
    "destroy": """
context = aiomq.Context()
with context, context.socket(aiomq.PULL) as pull:
    pull.bind("tcp://127.0.0.1:*")
    await asyncio.sleep(0)
""",
}

SHELL: Final = """
import asyncio
import aiomq, aiomq.auth, aiomq.compat, aiomq.cli

kept = []

async def main():
{body}

{run}(main())
"""


@pytest.mark.parametrize("run", ["asyncio.run", "aiomq.run"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_has_nothing_to_say_where_every_warning_is_an_error(name: str, run: str) -> None:
    text = SHELL.format(body=textwrap.indent(PROGRAMS[name], 4 * " "), run=run)

    with program(text, options=("-X", "dev", "-W", "error")) as running:
        status, output, errors = running.finish()

    lines = [line for line in errors.splitlines() if not line.startswith("Executing <")]  # asyncio, of a slow machine
    assert (status, output, lines) == (0, "", [])


@pytest.mark.parametrize("arguments", [("--version",), ("demo",)])
def test_command_has_nothing_to_complain_of_where_every_warning_is_an_error(arguments: tuple[str, ...]) -> None:
    with program(
        "import sys; from aiomq.cli import main; sys.exit(main())", *arguments, options=("-X", "dev", "-W", "error")
    ) as running:
        status, _, errors = running.finish()

    lines = [line for line in errors.splitlines() if not line.startswith("Executing <")]
    assert (status, lines) == (0, [])
