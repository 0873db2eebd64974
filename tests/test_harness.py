"""The checks of conftest.py must themselves be able to fail: runs of pytest inside the test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
LOOPS = ["asyncio", "uvloop"] if importlib.util.find_spec("uvloop") else ["asyncio"]
SETTINGS = """
[pytest]
addopts = --import-mode=importlib
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    pytester.makeini(SETTINGS)
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider", timeout=50)


def test_async_test_runs_once_on_each_loop_and_sync_test_once(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import asyncio

        async def test_async() -> None:
            print("loop:", type(asyncio.get_running_loop()).__module__.partition(".")[0])

        def test_sync() -> None:
            assert True

        def test_transport(transport, endpoint) -> None:
            assert endpoint().startswith(transport + "://")
        """,
    )

    transports = 2 if sys.platform == "win32" else 3
    result.assert_outcomes(passed=len(LOOPS) + 1 + transports)
    if len(LOOPS) > 1:  # the id of an only loop is hidden
        result.stdout.fnmatch_lines([f"*::test_async[[]{loop}[]] PASSED*" for loop in LOOPS])


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_leftovers_of_async_tests_are_errors_that_name_them(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import asyncio
        import os
        import socket

        kept = []

        async def test_task() -> None:
            kept.append(asyncio.create_task(asyncio.Event().wait(), name="forgotten"))

        async def test_file() -> None:
            kept.append(os.pipe())

        async def test_unclosed() -> None:
            a, b = socket.socketpair()
            b.close()
            del a

        async def test_cycle() -> None:
            a, b = socket.socketpair()
            b.close()
            cycle = [a]
            cycle.append(cycle)

        async def test_clean() -> None:
            server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()
            server.close()
            await server.wait_closed()
        """,
    )

    # A ResourceWarning at reference count zero fails the test itself, one found by the collection its teardown.
    loops = len(LOOPS)
    result.assert_outcomes(passed=4 * loops, failed=loops, errors=3 * loops)
    result.stdout.fnmatch_lines(["*the test left tasks pending: *name='forgotten'*"])
    result.stdout.fnmatch_lines(["*the test left files open: *pipe:*"])
    result.stdout.fnmatch_lines(["*unclosed <socket.socket*"])


def test_loops_that_report_an_exception_fail_the_test_in_whatever_thread(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import asyncio
        import threading

        def fail():
            raise ArithmeticError("of a callback")

        async def turn_after_failing():
            asyncio.get_running_loop().call_soon(fail)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        async def test_here() -> None:
            await turn_after_failing()

        def test_in_a_thread() -> None:
            thread = threading.Thread(target=lambda: asyncio.run(turn_after_failing()))
            thread.start()
            thread.join()

        async def test_that_has_its_own_handler() -> None:
            told = []
            asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about["exception"]))
            await turn_after_failing()
            assert [type(each) for each in told] == [ArithmeticError]
        """,
    )

    loops = len(LOOPS)
    result.assert_outcomes(passed=2 * loops + 1, errors=loops + 1)
    result.stdout.fnmatch_lines(["*an event loop called its exception handler: *"])
    result.stdout.fnmatch_lines(["*ArithmeticError: of a callback*"])
