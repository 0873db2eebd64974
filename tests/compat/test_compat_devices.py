"""`zmq.devices`, `zmq.log`, `zmq.auth.thread`, `zmq.ssh`, and a whole program by `python -m aiomq.compat`."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiomq.compat import zmq
from aiomq.compat.zmq import devices, ssh
from aiomq.compat.zmq.auth.thread import ThreadAuthenticator
from aiomq.compat.zmq.log.handlers import PUBHandler, TopicLogger
from aiomq.compat.zmq.utils.win32 import allow_interrupt
from tests.compat.linked import KeepingPlainContext


@pytest.fixture
def ctx() -> Iterator[KeepingPlainContext]:
    context = KeepingPlainContext()
    yield context
    context.destroy(linger=0)


def connected(ctx: zmq.Context, socket_type: int, port: int, **options: Any) -> Any:
    socket = ctx.socket(socket_type)
    socket.rcvtimeo = 20_000
    for name, value in options.items():
        setattr(socket, name, value)
    socket.connect(f"tcp://127.0.0.1:{port}")
    return socket


@pytest.mark.parametrize("kind", [devices.ThreadDevice, devices.ProcessDevice])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_device_in_the_background_passes_messages_on(ctx: zmq.Context, kind: Any) -> None:
    device = kind(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.setsockopt_in(zmq.LINGER, 0)
    device.setsockopt_out(zmq.LINGER, 0)
    if kind is devices.ThreadDevice:
        device.context_factory = lambda: ctx
    front = device.bind_in_to_random_port("tcp://127.0.0.1")
    back = device.bind_out_to_random_port("tcp://127.0.0.1")
    device.start()
    request, reply = connected(ctx, zmq.REQ, front), connected(ctx, zmq.REP, back)
    request.send(b"question")
    assert reply.recv() == b"question"
    reply.send(b"answer")
    assert request.recv() == b"answer"
    if kind is devices.ProcessDevice:
        device.launcher.terminate()
        device.join(10)
        device.launcher.close()
    else:
        ctx.term()
        device.join(10)
        assert device.done


def test_device_of_one_socket_answers_with_what_it_was_asked(ctx: zmq.Context) -> None:
    device = devices.ThreadDevice(zmq.QUEUE, zmq.REP, -1)
    device.context_factory = lambda: ctx
    port = device.bind_out_to_random_port("tcp://127.0.0.1")
    device.start()
    request = connected(ctx, zmq.REQ, port)
    for question in (b"a", b"b"):
        request.send(question)
        assert request.recv() == question
    ctx.term()
    device.join(10)


def test_proxy_copies_and_queue_names_the_direction(ctx: zmq.Context) -> None:
    for device, prefix in (
        (devices.ThreadProxy(zmq.PULL, zmq.PUSH, zmq.PUSH), []),
        (devices.ThreadMonitoredQueue(zmq.PULL, zmq.PUSH, zmq.PUSH, b"to", b"fro"), [b"to"]),
    ):
        device.context_factory = lambda: ctx
        front, back, monitor = [
            bind("tcp://127.0.0.1")
            for bind in (device.bind_in_to_random_port, device.bind_out_to_random_port, device.bind_mon_to_random_port)
        ]
        device.start()
        pull, copies = connected(ctx, zmq.PULL, back), connected(ctx, zmq.PULL, monitor)
        connected(ctx, zmq.PUSH, front).send(b"a")
        assert pull.recv_multipart() == [b"a"]
        assert copies.recv_multipart() == [*prefix, b"a"]
    ctx.term()


def test_steerable_proxy_ends_when_told(ctx: zmq.Context) -> None:
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR)
    device.context_factory = lambda: ctx
    port = device.bind_ctrl_to_random_port("tcp://127.0.0.1")
    device.start()
    connected(ctx, zmq.PAIR, port).send(b"TERMINATE")
    device.join(20)
    assert device.done


def test_device_needs_two_sockets() -> None:
    with pytest.raises(TypeError, match="in_type and out_type"):
        devices.Device(zmq.QUEUE)


def test_log_records_are_published_under_topics(ctx: zmq.Context) -> None:
    sub = ctx.socket(zmq.SUB)
    sub.rcvtimeo = 20_000
    sub.subscribe(b"")
    sub.bind("inproc://log")
    pub = ctx.socket(zmq.PUB)
    pub.connect("inproc://log")
    handler = PUBHandler(pub, root_topic="app")
    logger = TopicLogger("published")
    logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.setFormatter(logging.Formatter("error: %(message)s"), logging.ERROR)
    logger.info("db", "%d rows", 3)  # noqa: PLE1205  # the first is the topic
    logger.error("", "failed")  # noqa: PLE1205
    logger.log(logging.DEBUG, "x", "y")
    assert [sub.recv_multipart() for _ in range(3)] == [
        [b"app.INFO.db", b"3 rows"],
        [b"app.ERROR", b"error: failed"],
        [b"app.DEBUG.x", b"y"],
    ]
    with pytest.raises(zmq.ZMQError):
        PUBHandler("nonsense", ctx)


async def test_log_handler_works_in_a_running_loop() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as pub:
        pub.bind("inproc://log")
        logger = logging.getLogger("aiomq.tests.published")
        handler = PUBHandler(pub)
        logger.addHandler(handler)
        logger.warning("to nobody")
        logger.removeHandler(handler)


def test_authenticator_of_a_thread_decides_who_gets_in(ctx: zmq.Context) -> None:
    auth = ThreadAuthenticator(ctx)
    assert not auth.is_alive()
    auth.start()
    auth.configure_plain(domain="*", passwords={"admin": "secret"})
    assert auth.is_alive()
    server = ctx.socket(zmq.PULL)
    server.plain_server = True
    server.rcvtimeo = 20_000
    port = server.bind_to_random_port("tcp://127.0.0.1")
    wrong = connected(ctx, zmq.PUSH, port, plain_username=b"admin", plain_password=b"guess", immediate=1, sndtimeo=300)
    with pytest.raises(zmq.Again):
        wrong.send(b"let me in")
    right = connected(ctx, zmq.PUSH, port, plain_username=b"admin", plain_password=b"secret")
    right.send(b"a")
    assert server.recv() == b"a"
    auth.stop()
    auth.stop()
    assert not auth.is_alive()


def test_tunnels_are_refused_with_what_to_do() -> None:
    assert len(set(ssh.select_random_ports(3))) == 3
    with pytest.raises(zmq.ZMQError, match="ssh -N -L") as caught:
        ssh.tunnel_connection(None, "tcp://10.0.0.1:5555", "user@gate")
    assert caught.value.errno == zmq.ENOTSUP


def test_interrupts_are_allowed_anyway() -> None:
    with allow_interrupt(lambda: None):
        assert True


PROGRAM = """
import sys
import zmq
if __name__ == "__main__":
    print(zmq.__name__, sys.argv[1:])
    with zmq.Context() as ctx, ctx.socket(zmq.PUSH) as push, ctx.socket(zmq.PULL) as pull:
        push.bind("inproc://a")
        pull.connect("inproc://a")
        push.send_string("sent")
        print(pull.recv_string())
    import helper
"""


@pytest.mark.parametrize("named", [["program.py"], ["-m", "program"]])
def test_whole_program_is_run_on_aiomq(tmp_path: Path, named: list[str]) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "helper.py").write_text("print('helped')\n")
    command = [sys.executable, "-m", "aiomq.compat", *named, "-m", "x"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, cwd=tmp_path)

    assert result.stderr == ""
    assert result.stdout == "aiomq.compat.zmq ['-m', 'x']\nsent\nhelped\n"


def test_program_has_to_be_named() -> None:
    command = [sys.executable, "-m", "aiomq.compat"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert result.returncode == 1
    assert result.stderr.startswith("usage: python -m aiomq.compat")
