"""The programs of the guide, each in a process of its own, run as their headers say, but for the ports."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.test_examples import ENVIRONMENT, SECONDS, Server, but_for_slowness, command, output_of, started, wait_until

GUIDE: Final = Path(__file__).resolve().parents[2] / "examples" / "guide"
PROGRAMS: Final = sorted(path.stem for path in GUIDE.glob("*.py"))
ANY: Final = "tcp://127.0.0.1:*"

Start = Callable[..., Server]

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a program that goes on until the test is over."""
    with contextlib.ExitStack() as running:
        count = 0

        def begin(name: str, *arguments: str) -> Server:
            nonlocal count
            count += 1
            return running.enter_context(started(tmp_path / f"{count}.txt", f"guide/{name}", *arguments))

        yield begin


def run(name: str, *arguments: str) -> list[str]:
    """Run a program to its end; return the lines that it printed."""
    done = subprocess.run(
        command(f"guide/{name}", *arguments),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, but_for_slowness(done.stderr)) == (0, ""), done.stderr
    return done.stdout.splitlines()


def lines_of(name: str) -> list[str]:
    return output_of(f"guide/{name}").splitlines()


def endpoint(server: Server, what: str) -> str:
    return server.find(rf"{what} at (tcp://127\.0\.0\.1:\d+)")


def ended(server: Server) -> list[str]:
    """Wait for the end of a program; return what it printed."""
    assert server.process.wait(SECONDS) == 0, server.printed
    return but_for_slowness(server.printed).splitlines()


# -- their headers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_header_says_how_to_run_the_program(name: str) -> None:
    tree = ast.parse((GUIDE / f"{name}.py").read_text(encoding="utf-8"))
    header = ast.get_docstring(tree) or ""
    commands = dict(re.findall(r"^    python examples/guide/(\w+)\.py(.*)$", header, re.MULTILINE))
    (main,) = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name == "main"]
    assert len(commands[name].split()) == len(main.args.args) == len(main.args.defaults)
    assert set(re.findall(r"\b(\w+)\.py\b", header)) <= set(PROGRAMS)


def test_every_program_is_started_by_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in PROGRAMS if f'"{name}"' not in source] == []


# -- chapter 1 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["hello_server", "threaded_service"])
def test_hello_client_gets_ten_answers(start: Start, server: str) -> None:
    service = start(server, ANY)
    where = endpoint(service, "answering")
    for _ in range(2):
        assert run("hello_client", where) == [f"answer {number}: World" for number in range(10)]
    assert service.printed.count("asked: Hello") == 20


def test_threaded_service_shares_the_work_among_its_threads(start: Start) -> None:
    service = start("threaded_service", ANY)
    where = endpoint(service, "answering")
    clients = [start("hello_client", where) for _ in range(3)]
    for client in clients:
        assert len(ended(client)) == 10
    assert len(set(re.findall(r"^(work-\d+) was asked", service.printed, re.MULTILINE))) == 5


def test_weather_reaches_its_client_and_through_the_proxy_another(start: Start) -> None:
    server = endpoint(start("weather_server", ANY), "publishing")
    proxy = endpoint(start("weather_proxy", server, ANY), "publishing")
    clients = [start("weather_client", "10001", server), start("weather_client", "10002", proxy)]
    for client, code in zip(clients, ("10001", "10002"), strict=True):
        (line,) = ended(client)
        assert re.fullmatch(rf"average temperature at {code}: -?\d+\.\d degrees", line)


def test_ventilator_workers_and_sink_get_through_a_batch(start: Start) -> None:
    sink = start("sink", ANY)
    results = endpoint(sink, "results")
    ventilator = start("ventilator", "2", ANY, results)
    tasks = endpoint(ventilator, "tasks")
    workers = [start("worker", tasks, results) for _ in range(2)]
    assert re.fullmatch(r"100 results after \d+ ms", ended(sink)[-1])
    assert re.fullmatch(r"dealt out 100 tasks of \d+ ms in all", ended(ventilator)[-1])
    assert [worker.printed.count("worked") for worker in workers] == [50, 50]


def test_poller_reads_both_of_its_sockets(start: Start) -> None:
    weather = endpoint(start("weather_server", ANY), "publishing")
    ventilator = start("ventilator", "1", ANY, endpoint(start("sink", ANY), "results"))
    poller = start("poller", endpoint(ventilator, "tasks"), weather)
    ended(ventilator)
    wait_until(lambda: poller.printed.count("task of") == 100)
    poller.find(r"weather (10001 -?\d+ \d+)")


# -- chapter 2 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broker", ["broker", "queue_device"])
def test_broker_joins_clients_and_services(start: Start, broker: str) -> None:
    middle = start(broker, ANY, ANY)
    services = [start("broker_service", endpoint(middle, "services")) for _ in range(2)]
    clients = [start("broker_client", endpoint(middle, "clients")) for _ in range(3)]
    for client in clients:
        assert ended(client) == [f"answer {number}: World" for number in range(10)]
    assert sum(service.printed.count("asked: Hello") for service in services) == 30


@posix
def test_device_of_the_shell_does_for_the_broker_too(tmp_path: Path, start: Start) -> None:
    log = tmp_path / "device.txt"
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "aiomq", "proxy", "queue", "--frontend", ANY, "--backend", ANY],
            env=ENVIRONMENT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        device = Server(process, log)
        start("broker_service", device.find(r"backend DEALER bound to (\S+)\n"))
        assert len(run("broker_client", device.find(r"frontend ROUTER bound to (\S+)\n"))) == 10
        assert device.stop(signal.SIGTERM) == 0
    finally:
        process.kill()
        process.wait()


def test_relay_signals_from_step_to_step() -> None:
    assert lines_of("relay") == [
        "step 1 is ready, and signals step 2",
        "step 2 is ready, and signals step 3",
        "step 3 has the signal",
    ]


def test_synchronized_subscribers_miss_nothing(start: Start) -> None:
    publisher = start("sync_publisher", "2", ANY, ANY)
    where = endpoint(publisher, "updates"), endpoint(publisher, "readiness")
    subscribers = [start("sync_subscriber", *where) for _ in range(2)]
    for subscriber in subscribers:
        assert ended(subscriber) == ["received 10000 updates"]
    assert ended(publisher)[-1] == "published 10000 updates to 2 subscribers"


def test_durable_publisher_goes_on_where_its_subscriber_was(start: Start, tmp_path: Path) -> None:
    publisher = start("durable_publisher", "100000", ANY, "0.01", str(tmp_path / "store.sqlite"))
    updates = endpoint(publisher, "updates")
    first = run("durable_subscriber", "1.5", updates)
    second = run("durable_subscriber", "1.5", updates)
    numbers = [int(line.removeprefix("update ")) for line in (*first, *second)]
    assert first
    assert second
    assert numbers == sorted(set(numbers))
    missed = set(range(numbers[0], numbers[-1])) - set(numbers)
    assert len(missed) < len(numbers)  # what was on its way when the first one ended


def test_shorter_synchronization_misses_nothing_either() -> None:
    assert lines_of("sync_start") == ["received 1000 updates"] * 3


def test_subscriber_reads_what_its_topic_is_on(start: Start) -> None:
    publisher = endpoint(start("envelope_publisher", ANY), "publishing")
    assert run("envelope_subscriber", publisher) == ["[B] We would like to see this"] * 3


# -- chapter 3 --------------------------------------------------------------------------------------------------------


def test_identity_shows_an_id_made_up_and_one_chosen() -> None:
    lines = lines_of("identity")
    assert re.fullmatch(r"\[005\] 00[0-9a-f]{8}", lines[1])
    assert lines[2:] == [
        "[000] ",
        "[026] The ROUTER made this id up",
        "-" * 20,
        "[005] Hello",
        "[000] ",
        "[035] This one is of the REQ's own choice",
    ]


def test_router_to_dealer_sends_each_worker_what_is_meant_for_it() -> None:
    counts = [int(re.fullmatch(r"[AB] did (\d+) tasks", line)[1]) for line in lines_of("router_to_dealer")]  # type: ignore[index]  # a line that does not match is to fail
    assert len(counts) == 2
    assert sum(counts) == 30


def test_router_to_req_gives_work_to_whoever_asks() -> None:
    (line,) = lines_of("router_to_req")
    found = re.fullmatch(r"10 workers did 50 tasks: ([\d, ]+)", line)
    assert found is not None
    counts = [int(count) for count in found[1].split(", ")]
    assert len(counts) == 10
    assert sum(counts) == 50
    assert min(counts) > 0


def test_router_to_rep_gets_its_envelope_back() -> None:
    frames = [b"A", b"address 3", b"address 2", b"address 1", b"", b"the answer"]
    assert lines_of("router_to_rep") == [
        "the REP gets the question",
        "the ROUTER gets",
        *(f"  {frame!r}" for frame in frames),
    ]


def test_lru_queue_shares_requests_among_idle_workers() -> None:
    lines = lines_of("lru_queue")
    assert sorted(line.partition(" got ")[0] for line in lines) == [f"client {number}" for number in range(10)]
    assert {line.partition("an answer of ")[2] for line in lines} == {"worker 0", "worker 1", "worker 2"}


def test_two_brokers_add_and_remove_an_address_each() -> None:
    assert lines_of("two_brokers") == [
        "broker 1, request: [an address, '', 'hello']",
        "broker 2, request: [an address, an address, '', 'hello']",
        "broker 2, reply: [an address, an address, '', 'HELLO']",
        "broker 1, reply: [an address, '', 'HELLO']",
        "the client gets 'HELLO'",
    ]


# -- their end --------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("name", ["hello_server", "weather_server", "threaded_service", "broker", "envelope_publisher"])
def test_server_ends_in_silence_on_a_signal(start: Start, name: str, how: signal.Signals, status: int) -> None:
    arguments = (ANY, ANY) if name == "broker" else (ANY,)
    server = start(name, *arguments)
    server.find(rf"(at tcp://127\.0\.0\.1:\d+)\n{'services' if name == 'broker' else ''}")
    told = server.printed
    assert server.stop(how) == status
    assert but_for_slowness(server.printed) == told
    assert os.linesep not in told.rstrip() or name == "broker"
