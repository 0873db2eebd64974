"""The examples, run as their first lines say."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
EXAMPLES: Final = ROOT / "examples"
SECONDS: Final = 30
WEB: Final = ("aiohttp_app", "fastapi_app")
ENVIRONMENT: Final = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send to another process")


def but_for_slowness(text: str) -> str:
    """Leave out what asyncio's debug mode says of a step that took over 0.1 s: that tells of a busy machine."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not (line.startswith("Executing <") and " took " in line))


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-X", "dev", str(EXAMPLES / f"{name}.py"), *arguments]


def output_of(name: str) -> str:
    done = subprocess.run(command(name), env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert but_for_slowness(done.stderr) == ""
    return done.stdout


class Server:
    """An example that runs until it is told to stop, with what it printed."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def printed(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def find(self, pattern: str) -> str:
        """Wait for a line that the server is to print, and return what the pattern's group has found."""
        found: list[str] = []

        def look() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.printed}"
            found.extend(re.findall(pattern, self.printed))
            return bool(found)

        wait_until(look)
        return found[0]

    @property
    def url(self) -> str:
        return self.find(r"unning on (http://127\.0\.0\.1:[1-9]\d*)")

    @property
    def endpoint(self) -> str:
        return self.find(r"workers connect to (tcp://127\.0\.0\.1:\d+)")

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(SECONDS)


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask until it is true: another process cannot tell us by an event."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@contextmanager
def started(log: Path, name: str, *arguments: str) -> Iterator[Server]:
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            command(name, *arguments), env=ENVIRONMENT, stdout=sink, stderr=subprocess.STDOUT, text=True
        )
    try:
        yield Server(process, log)
    finally:
        process.kill()
        process.wait()


@contextmanager
def web_service(folder: Path, name: str, *arguments: str) -> Iterator[Server]:
    with started(folder / "service.txt", name, "--port", "0", "--bind", "tcp://127.0.0.1:*", *arguments) as server:
        yield server


# -- programs that end by themselves ----------------------------------------------------------------------------------


def test_hello_prints_three_answers() -> None:
    assert output_of("hello") == "Hello Ada\nHello Grace\nHello Barbara\n"


def test_pubsub_gives_each_subscriber_its_topics() -> None:
    assert sorted(output_of("pubsub").splitlines()) == [
        "Ada reads weather.oslo: 3 degrees, snow",
        "Ada reads weather.rome: 21 degrees, sun",
        "Grace reads sport: 2:1 after extra time",
    ]


def test_pipeline_finds_all_primes() -> None:
    lines = output_of("pipeline").splitlines()

    assert len(lines) == 21
    assert lines[-1] == "17984 in all"


# -- web services -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WEB)
def test_web_service_gives_concurrent_requests_their_own_answers(name: str, tmp_path: Path) -> None:
    words = [letter * (1 + number % 7) + "x" for number, letter in enumerate("abcdefghijklmnopqrstuvw")]

    async def ask_all(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            return await asyncio.gather(*(client.get(f"/reverse/{word}") for word in words))

    with web_service(tmp_path, name, "--workers", "3") as server:
        answers = asyncio.run(ask_all(server.url))

    assert [answer.status_code for answer in answers] == [200] * len(words)
    assert [answer.json()["reversed"] for answer in answers] == [word[::-1] for word in words]


@pytest.mark.parametrize("name", WEB)
def test_web_service_without_worker_says_504_until_one_comes(name: str, tmp_path: Path) -> None:
    with (
        web_service(tmp_path, name, "--workers", "0") as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        late = client.get("/reverse/abc")
        with started(tmp_path / "worker.txt", name, "worker", server.endpoint):
            wait_until(lambda: client.get("/reverse/abc").status_code == 200)
            in_time = client.get("/reverse/def")

    assert late.status_code == 504
    assert "no worker answered in time" in late.text
    assert in_time.json() == {"reversed": "fed"}


@pytest.mark.parametrize("name", WEB)
def test_web_service_whose_worker_is_too_slow_says_504_and_goes_on(name: str, tmp_path: Path) -> None:
    with web_service(tmp_path, name) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        late = client.get(f"/reverse/{'a' * 120}")
        wait_until(lambda: client.get("/reverse/abc").status_code == 200)

    assert late.status_code == 504


@needs_signals
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", WEB)
def test_web_service_ends_cleanly_on_a_signal(name: str, how: signal.Signals, tmp_path: Path) -> None:
    with web_service(tmp_path, name) as server:
        assert httpx.get(f"{server.url}/reverse/abc", trust_env=False).json() == {"reversed": "cba"}
        status = server.stop(how)

        assert status in {0, -how}, server.printed  # uvicorn cleans up, and then ends by the signal it got
        assert "Traceback" not in server.printed
        assert "Warning" not in server.printed


@needs_signals
@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)])
@pytest.mark.parametrize("name", WEB)
def test_worker_process_ends_on_a_signal_in_silence(
    name: str, how: signal.Signals, status: int, tmp_path: Path
) -> None:
    with (
        web_service(tmp_path, name, "--workers", "0") as server,
        started(tmp_path / "worker.txt", name, "worker", server.endpoint) as worker,
    ):
        wait_until(lambda: httpx.get(f"{server.url}/reverse/abc", trust_env=False).status_code == 200)

        assert worker.stop(how) == status
        assert but_for_slowness(worker.printed) == ""
