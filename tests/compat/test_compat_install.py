"""`install` and `uninstall`, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import aiomq.compat
{before}
aiomq.compat.install()
import zmq
import zmq.asyncio as zaio
from zmq.utils.monitor import recv_monitor_message
from zmq.asyncio import Context, Poller
import zmq.auth.asyncio
assert zmq.__name__ == "aiomq.compat.zmq", zmq
assert zaio.Context is Context and issubclass(Context, zmq.Context)
assert zmq.asyncio is zaio
aiomq.compat.install()
aiomq.compat.uninstall()
assert not [name for name in sys.modules if name.split(".")[0] == "zmq"]
{after}
print("done")
"""


def run(before: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(before=before, after=after)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_install_lets_imports_of_zmq_stay_as_they_are() -> None:
    result = run()

    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")


def test_install_after_pyzmq_was_imported_is_refused() -> None:
    pytest.importorskip("zmq")
    result = run(before="import zmq")

    assert result.returncode == 1
    assert "RuntimeError: pyzmq is imported already" in result.stderr


def test_pyzmq_can_be_imported_after_uninstall() -> None:
    pytest.importorskip("zmq")
    result = run(after="import zmq; assert zmq.__name__ == 'zmq'; zmq.Context().term()")

    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")
