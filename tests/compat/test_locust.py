"""A locust master with two workers, all as they are, on the compat layer on either side."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.compat.needed import needed

if importlib.util.find_spec("locust") is None:  # to import it would patch this process for gevent
    needed("locust")

ON_COMPAT: Final = ("-m", "aiomq.compat")

LOCUSTFILE: Final = """
import json
from locust import HttpUser, constant, events, task

visits = 0

class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def visit(self):
        global visits
        self.client.get("/")
        visits += 1

@events.quitting.add_listener
def tell(environment, **options):
    import zmq.green
    total = environment.stats.total
    print(json.dumps([zmq.green.__name__, visits, total.num_requests, total.num_failures]), flush=True)
"""


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def target() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def free_port() -> int:
    """A port for the master, who has to be told one: its workers are."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("master", "worker"),
    [(ON_COMPAT, ON_COMPAT), (ON_COMPAT, ()), ((), ON_COMPAT)],
    ids=["both", "master", "workers"],
)
def test_master_with_two_workers(
    master: tuple[str, ...], worker: tuple[str, ...], target: str, tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    locust = ("-m", "locust", "-f", "locustfile.py", "--skip-log-setup")
    place = ("--master-host", "127.0.0.1", "--master-port", str(free_port))
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", str(free_port))
    what = (
        "--headless",
        "--expect-workers",
        "2",
        "-u",
        "6",
        "-r",
        "6",
        "-t",
        "2s",
        "-H",
        target,
        "--stop-timeout",
        "5",
    )
    commands = [
        [sys.executable, *master, *locust, "--master", *bound, *what],
        *[[sys.executable, *worker, *locust, "--worker", *place]] * 2,
    ]
    with contextlib.ExitStack() as stack:
        pipe = subprocess.PIPE
        processes = [
            stack.enter_context(subprocess.Popen(each, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True))
            for each in commands
        ]
        try:
            outputs = [process.communicate(timeout=50) for process in processes]
        finally:
            for process in processes:
                process.kill()

    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    told = [json.loads(next(line for line in out.splitlines() if line.startswith("["))) for out, _ in outputs]
    ours, theirs = "aiomq.compat.zmq.green", "zmq.green"
    assert [each[0] for each in told] == [ours if master else theirs, *[ours if worker else theirs] * 2]
    visits = [each[1] for each in told]
    assert min(visits[1:]) > 0  # both have done their part
    assert 0 <= sum(visits) - told[0][2] <= 6  # and told of it, but for what the end of the test cut short
    assert told[0][3] == 0
