"""What a forked child has of its parent's sockets: nothing, and it says so; and the parent notices nothing."""

from __future__ import annotations

import os

import pytest

from tests.faults.processes import program

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PRELUDE = """
    import asyncio, gc, os, sys, threading
    import aiomq
    from aiomq.runner import loop_factory

    def in_child(work):
        # Fork, do something in the child, and return what it printed.
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writing, 1)
            try:
                work()
                sys.stdout.flush()
                os._exit(0)
            except BaseException as error:  # nothing may bring the child back into the tests
                print(f"child failed: {error!r}", flush=True)
                os._exit(1)
        os.close(writing)
        with open(reading, "rb") as pipe:
            told = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        assert status == 0, told
        return told.splitlines()

    def stepped(coroutine):
        # Run a coroutine that must not have to wait.
        try:
            coroutine.send(None)
        except StopIteration:
            return "returned"
        except aiomq.ZMQError as error:
            return f"{type(error).__name__}: {error}"
        return "waits"

    def tried(call, *arguments):
        try:
            call(*arguments)
        except aiomq.ZMQError as error:
            return f"{type(error).__name__}: {error}"
        return "done"
"""

START = """
    with asyncio.Runner(loop_factory=loop_factory() if sys.argv[1] == "uvloop" else asyncio.new_event_loop) as runner:
        runner.run(main())
    print("parent ended well")
"""


def outcome(body: str, loop: str) -> list[str]:
    with program(PRELUDE + body + START, loop, options=("-W", "ignore::DeprecationWarning")) as running:
        status, output, errors = running.finish()
    assert (status, errors) == (0, ""), errors
    lines = output.splitlines()
    assert lines[-1] == "parent ended well", output
    return lines[:-1]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name != "asyncio":
        pytest.importorskip(name)
    return name


def test_every_call_on_a_copied_socket_is_refused_in_words(loop: str) -> None:
    lines = outcome(
        """
    async def main():
        async with aiomq.Context() as context:
            socket, other = context.socket(aiomq.DEALER), context.socket(aiomq.DEALER)
            socket.bind("tcp://127.0.0.1:*")
            other.connect(socket.last_endpoint)
            await other.send(b"x")
            await socket.recv()
            await socket.send(b"x")  # the short way is open

            async def iterate():
                async for _ in socket:
                    break

            def work():
                print(stepped(socket.send(b"y")))
                print(stepped(socket.recv()))
                print(stepped(socket.send_multipart([b"y", b"z"])))
                print(stepped(iterate()))
                print(tried(socket.bind, "tcp://127.0.0.1:*"))
                print(tried(socket.connect, "tcp://127.0.0.1:9"))
                print(tried(socket.set, "linger", 0))
                print(tried(context.socket, aiomq.PUSH))

            for line in in_child(work):
                print(line)
            assert socket.closed is False and context.closed is False
        """,
        loop,
    )
    assert len(lines) == 8
    for line in lines[:-1]:
        assert line.startswith("WrongLoopError: this DEALER socket was made in process ")
        assert "sockets do not survive a fork" in line
    assert lines[-1].startswith("WrongLoopError: this context was made in process ")


def test_child_that_closes_everything_disturbs_nothing(loop: str) -> None:
    assert (
        outcome(
            """
    async def exchange(first, second, text):
        await first.send(text)
        assert await second.recv() == text
        await second.send(text)
        assert await first.recv() == text

    async def main():
        async with aiomq.Context() as context:
            pairs = []
            for endpoint in ("tcp://127.0.0.1:*", "ipc://*", "inproc://name"):
                bound, connected = context.socket(aiomq.PAIR), context.socket(aiomq.PAIR)
                bound.bind(endpoint)
                connected.connect(bound.last_endpoint)
                await exchange(bound, connected, b"before")
                pairs.append((bound, connected))
            waiting = asyncio.ensure_future(pairs[0][0].recv())
            await asyncio.sleep(0)

            def work():
                for pair in pairs:
                    for socket in pair:
                        socket.close(linger=0)
                        assert socket.closed
                context.destroy(linger=0)
                asyncio.run(context.term())
                pairs.clear()
                gc.collect()

            for _ in range(3):
                in_child(work)
            await pairs[0][1].send(b"still there")
            assert await waiting == b"still there"
            for bound, connected in pairs:
                await exchange(bound, connected, b"after")
            assert os.path.exists(pairs[1][0].last_endpoint.removeprefix("ipc://"))
            inlet, late = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
            inlet.bind("tcp://127.0.0.1:*")
            in_child(context.destroy)
            late.connect(inlet.last_endpoint)
            await late.send(b"accepting goes on")
            assert await inlet.recv() == b"accepting goes on"
        """,
            loop,
        )
        == []
    )


def test_child_does_not_hold_the_connections_of_its_parent_open(loop: str) -> None:
    assert (
        outcome(
            """
    async def main():
        async with aiomq.Context() as context:
            server, client = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
            server.bind("tcp://127.0.0.1:*")
            endpoint = server.last_endpoint
            client.connect(endpoint)
            await client.send(b"x")
            await server.recv()
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(writing, b"x")
                while True:
                    signal_wait()
            os.read(reading, 1)
            try:
                with client.monitor(events=aiomq.EVENT_DISCONNECTED) as events:
                    server.close(linger=0)
                    async with asyncio.timeout(10):
                        async for event in events:
                            break  # the other end has seen it close, though the child lives
                again = context.socket(aiomq.PULL)
                again.bind(endpoint)  # and the port is free
                await client.send(b"y")
                assert await again.recv() == b"y"
            finally:
                os.kill(child, 9)
                os.waitpid(child, 0)

    def signal_wait():
        import signal
        signal.pause()
        """,
            loop,
        )
        == []
    )


def test_child_makes_a_context_of_its_own_and_talks_to_its_parent(loop: str) -> None:
    assert (
        outcome(
            """
    async def ask(endpoint):
        async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
            socket.connect(endpoint)
            await socket.send(b"from the child")
            assert await socket.recv() == b"from the parent"

    async def main():
        async with aiomq.Context() as context:
            assert aiomq.Context.instance() is aiomq.Context.instance()
            socket = context.socket(aiomq.REP)
            socket.bind("ipc://*")
            endpoint = socket.last_endpoint
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    asyncio._set_running_loop(None)
                    asyncio.run(ask(endpoint))
                    status = 0
                finally:
                    os._exit(status)
            async with asyncio.timeout(10):
                assert await socket.recv() == b"from the child"
                await socket.send(b"from the parent")
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            await aiomq.Context.instance().term()
        """,
            loop,
        )
        == []
    )


def test_fork_from_another_thread_gives_up_the_sockets_of_all(loop: str) -> None:
    assert (
        outcome(
            """
    async def main():
        async with aiomq.Context() as context:
            socket, other = context.socket(aiomq.PAIR), context.socket(aiomq.PAIR)
            socket.bind("tcp://127.0.0.1:*")
            other.connect(socket.last_endpoint)
            await other.send(b"x")
            await socket.recv()
            waiting = asyncio.ensure_future(socket.recv())
            await asyncio.sleep(0)
            told = await asyncio.to_thread(in_child, lambda: print(tried(socket.bind, "tcp://127.0.0.1:*")))
            assert "sockets do not survive a fork" in told[0], told
            await other.send(b"y")
            assert await waiting == b"y"
        """,
            loop,
        )
        == []
    )
