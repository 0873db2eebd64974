"""Programs that others wrote for `zmq.asyncio`, unchanged, on the compat layer; and pyzmq's own tests of it.

None of them is part of this repository. They are looked for below the directory that AIOMQ_PUBLIC_PROGRAMS names: those
of pyzmq as they are in its source distribution (examples/, tests/), and those of the ZeroMQ guide as they are in its
repository (examples/Python/asyncio_ioloop). Without that variable pip fetches the source distribution, once.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
RUNNER: Final = Path(__file__).with_name("run_public_program.py")
SECONDS: Final = 40
"""What a program may take; those of the guide sleep a lot."""

DIFFERENT: Final = {
    "test_multiple_loops": "a socket belongs to the event loop that used it first",
    "test_poll_leak": "looks into private attributes",
}
"""Of pyzmq's tests of zmq.asyncio, those that cannot pass, and why."""

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the programs' ports are rerouted to ipc"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with programs."""
    named = os.environ.get("AIOMQ_PUBLIC_PROGRAMS")
    if named:
        return Path(named)
    try:
        version = importlib.metadata.version("pyzmq")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("pyzmq is not installed, and AIOMQ_PUBLIC_PROGRAMS names no directory of programs")
    kept = getattr(request.config, "cache", None)  # none under -p no:cacheprovider
    name = f"public-programs-{version}"
    directory: Path = tmp_path_factory.mktemp(name) if kept is None else kept.mkdir(name)
    if not any(directory.glob("*.tar.gz")):
        _download(f"pyzmq=={version}", directory)
    with tarfile.open(next(directory.glob("*.tar.gz"))) as archive:
        archive.extractall(directory, filter="data")
    return directory


def _download(requirement: str, directory: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pyzmq", "--dest"]
    try:
        done = subprocess.run([*pip, directory, requirement], capture_output=True, text=True, timeout=90, check=False)
        reason = done.stderr.strip().splitlines()[-1:] if done.returncode else None
    except subprocess.TimeoutExpired:
        reason = ["pip took too long"]
    if reason is not None:
        pytest.skip(f"the source distribution of pyzmq could not be fetched: {reason}")


class Program:
    """A program that runs, and what it has printed so far."""

    def __init__(
        self, programs: Path, directory: Path, name: str, *arguments: str, stdin: str = "", tcp: bool = False
    ) -> None:
        found = sorted(programs.rglob(name))
        if not found:
            pytest.skip(f"{name} is not below {programs}: AIOMQ_PUBLIC_PROGRAMS names the directory to look in")
        self.name = name
        self.output = ""
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, RUNNER, "tcp" if tcp else directory, found[0], *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(stdin)
        self.process.stdin.close()
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stdout: IO[str]) -> None:
        while text := stdout.read(1):
            with self._grown:
                self.output += text
                self._grown.notify()
        with self._grown:
            self._grown.notify()

    def prints(self, *patterns: str) -> None:
        """Wait until the program has printed something that matches each of these."""
        for pattern in patterns:
            with self._grown:
                self._grown.wait_for(lambda: re.search(pattern, self.output) or not self._reader.is_alive(), SECONDS)  # noqa: B023  # called before the loop goes on
            assert re.search(pattern, self.output), f"{self.name} did not print {pattern!r}:\n{self.output}"
        assert "Traceback" not in self.output, self.output

    def ends(self, *patterns: str) -> None:
        """Wait until the program has ended by itself, and has printed these."""
        assert self.process.wait(SECONDS) == 0, self.output
        self._reader.join(SECONDS)
        self.prints(*patterns)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Stage:
    """Where programs run: each test has a directory of its own, and ends all that it started."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self.programs = programs
        self.directory = directory
        self._running: list[Program] = []

    def start(self, name: str, *arguments: str, stdin: str = "", tcp: bool = False) -> Program:
        self._running.append(Program(self.programs, self.directory, name, *arguments, stdin=stdin, tcp=tcp))
        return self._running[-1]

    def clear(self) -> None:
        for program in self._running:
            program.stop()


@pytest.fixture
def stage(programs: Path) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="aiomq-") as directory:  # tmp_path is too long for the path of a socket
        stage = Stage(programs, Path(directory))
        yield stage
        stage.clear()


# -- pyzmq's ----------------------------------------------------------------------------------------------------------


def test_pyzmq_coroutines(stage: Stage) -> None:
    program = stage.start("examples/asyncio/coroutines.py")

    program.prints(
        r"sending\n", r"recving \[\(<.*Socket\(zmq.PULL\).*>, .*1.*\)\]\nrecvd \[b'\d", r"\.\n(.|\n)*recvd \[b'1\."
    )


def test_pyzmq_ironhouse_with_curve(stage: Stage) -> None:
    pytest.importorskip("nacl", reason="CURVE needs PyNaCl")
    for name in ("generate_certificates.py", "asyncio-ironhouse.py"):
        found = sorted(stage.programs.rglob(f"examples/security/{name}"))
        if found:
            shutil.copy(found[0], stage.directory)  # they look for the certificates beside themselves
    here = Stage(stage.directory, stage.directory)
    try:
        here.start("generate_certificates.py").ends()
        here.start("asyncio-ironhouse.py", tcp=True).ends("Received b'Hello' from '.+'", "Ironhouse test OK")
    finally:
        here.clear()


def test_pyzmq_tests_of_asyncio(programs: Path, tmp_path: Path) -> None:
    found = sorted(programs.rglob("tests/test_asyncio.py"))
    if not found:
        pytest.skip(f"tests/test_asyncio.py of pyzmq is not below {programs}")
    (tmp_path / "installed_first.py").write_text("import aiomq.compat\n\naiomq.compat.install()\n")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "installed_first",
                "-p",
                "no:cacheprovider",
                "-q",
                "-c",
                os.devnull,
            ),
            *("--rootdir", found[0].parent, "-o", "asyncio_mode=auto", "--timeout", "20", "-W", "ignore", found[0]),
            *("-k", f"not ({' or '.join(DIFFERENT)})"),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS * 2,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"},
    )

    passed = re.search(r"(\d+) passed", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed is not None
    assert int(passed[1]) >= 24  # of 26: the others are deselected by name


# -- the guide's ------------------------------------------------------------------------------------------------------


def test_guide_router_deals_work_to_reqs(stage: Stage) -> None:
    program = stage.start("asyncio_ioloop/rtreq.py")

    program.ends(r"result: \('requestor', 'finished'\)", r"\(program\) finished")
    tasks = re.findall(r"result: \('worker \d+', (\d+)\)", program.output)
    assert len(tasks) == 10
    assert sum(map(int, tasks)) == 100


def test_guide_asynchronous_server(stage: Stage) -> None:
    program = stage.start("asyncio_ioloop/asyncsrv.py")

    program.prints(*(rf"Client client-{client} received: b'request # {client}\.2'" for client in range(3)))


@pytest.mark.parametrize(("number", "chunks"), [(1, 5), (2, 5)])
def test_guide_file_transfer(stage: Stage, number: int, chunks: int) -> None:
    (stage.directory / "testdata").write_text("0123456789" * 121_579)
    program = stage.start(f"asyncio_ioloop/fileio{number}.py")

    program.ends(rf"server sent {chunks} chunks, 1215790 bytes", r"monitor received: b'OK'")


def test_guide_hello_world(stage: Stage) -> None:
    server = stage.start("asyncio_ioloop/hwserver.py")
    client = stage.start("asyncio_ioloop/hwclient.py", "me")

    client.prints(r"received reply: b'me Hello 0, world'", r"received reply: b'me Hello 2, world'")
    server.prints(r"Received request: b'me Hello 2'")


def test_guide_parallel_pipeline(stage: Stage) -> None:
    sink = stage.start("asyncio_ioloop/tasksink.py")
    workers = [stage.start("asyncio_ioloop/taskwork.py") for _ in range(3)]
    ventilator = stage.start("asyncio_ioloop/taskvent.py", stdin="\n")

    ventilator.ends(r"Total expected cost: \d+ msec")
    sink.ends(r"(?:[:.]{10}){10}", r"Total elapsed time: \d+ msec")
    assert sum(worker.output.count(".") for worker in workers) >= 100


def test_guide_weather(stage: Stage) -> None:
    stage.start("asyncio_ioloop/wuserver.py")
    client = stage.start("asyncio_ioloop/wuclient_parallel_await.py", "10001", "10002")

    client.ends(*(rf"result: Average temperature for zipcode '{code}' was -?\d+F" for code in (10001, 10002)))


def test_guide_relay_between_inproc_names(stage: Stage) -> None:
    stage.start("asyncio_ioloop/mtrelay.py").ends(r"step 3 -- test successful!  msg: b'message from step2'")


def test_guide_request_reply_broker(stage: Stage) -> None:
    broker = stage.start("asyncio_ioloop/rrbroker.py")
    worker = stage.start("asyncio_ioloop/rrworker.py")
    client = stage.start("asyncio_ioloop/rrclient.py")

    client.prints(*(rf"Received reply {number} \[b'Hello {number}, World'\]" for number in (1, 5, 10)))
    worker.prints(r"Received request: b'Hello 10'")
    broker.prints(r"received from backend: \[b'.*', b'', b'Hello 10, World'\]")
