"""What every test gets: both event loops, every transport, a context, and the checks that nothing leaks.

An async test runs once on asyncio and once on uvloop (where that is installed) and has the id of its loop in its name;
a sync test runs once. `@pytest.mark.asyncio(loop_factories=["asyncio"])` keeps a test to one loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import importlib.util
import itertools
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

os.environ.setdefault("TMPDIR", tempfile.gettempdir())  # where libzmq makes ipc://*; else it does so right here

if TYPE_CHECKING:
    import aiomq

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Endpoint: TypeAlias = Callable[[], str]

SETTLE_TURNS: Final = 20
"""How many turns of the loop closing transports and ending tasks may take once a test is over."""

SET_ASIDE_EVERY: Final = 32
"""After how many tests what they left in the session (reports, caches) is set aside: collections take under 0.3 ms."""

_DESCRIPTORS: Final = "/proc/self/fd"
_LOOP_RESERVE: Final = "/dev/null"
"""What libuv opens at a loop's first listen and keeps, so that it can still refuse when descriptors run out."""

_TRANSPORTS: Final = ("tcp", "inproc") if sys.platform == "win32" else ("tcp", "ipc", "inproc")
_numbers: Final = itertools.count(1)
_finished: Final = itertools.count(1)


def _loop_factories() -> dict[str, LoopFactory]:
    factories: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    if importlib.util.find_spec("uvloop") is not None:
        factories["uvloop"] = importlib.import_module("uvloop").new_event_loop
    return factories


_LOOPS: Final = _loop_factories()


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Return the loops that every async test runs on."""
    return _LOOPS


def pytest_collection_finish(session: pytest.Session) -> None:
    """Set aside what the collection made."""
    _set_aside_what_lives_on()


def pytest_runtest_logfinish(nodeid: str, location: tuple[str, int | None, str]) -> None:
    """Set aside the reports of the last tests, now and then."""
    if next(_finished) % SET_ASIDE_EVERY == 0:
        _set_aside_what_lives_on()


def _set_aside_what_lives_on() -> None:
    """Keep the garbage collection after each async test quick: between tests, what is alive belongs to the session."""
    gc.collect()
    if hasattr(gc, "freeze"):  # CPython only
        gc.freeze()


# -- leaks ------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _leak_checks(request: pytest.FixtureRequest) -> None:
    """Put the leak checks around every async test, outside all its other fixtures."""
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("nothing_leaks")


@pytest.fixture
async def nothing_leaks() -> AsyncIterator[None]:
    """Fail a test that leaves a task, a file descriptor or an unclosed object behind.

    Unclosed objects say so themselves, by a ResourceWarning when they are collected; warnings are errors here.
    """
    before = _open_files().keys()
    yield
    gc.collect()
    for _ in range(SETTLE_TURNS):
        if not _other_tasks() and not _open_files().keys() - before:
            break
        await asyncio.sleep(0)
    if tasks := _other_tasks():
        pytest.fail(f"the test left tasks pending: {sorted(map(repr, tasks))}", pytrace=False)
    if left := {number: file for number, file in _open_files().items() if number not in before}:
        pytest.fail(f"the test left files open: {left}", pytrace=False)


def _other_tasks() -> set[asyncio.Task[object]]:
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


def _open_files() -> dict[str, str]:
    """Return what each open descriptor is, or nothing where the system has no list of them.

    Only the numbers compare: uvloop opens its pair of sockets for signals anew each time it is run.
    """
    files = {}
    with contextlib.suppress(FileNotFoundError):
        for number in os.listdir(_DESCRIPTORS):
            with contextlib.suppress(FileNotFoundError):  # the listing itself was open while it was made
                files[number] = os.readlink(f"{_DESCRIPTORS}/{number}")
    return {number: file for number, file in files.items() if file != _LOOP_RESERVE}


# -- complaints of event loops ----------------------------------------------------------------------------------------


class _Complaints(logging.Handler):
    """Keeps what event loops say of callbacks and tasks that failed, in whatever thread they run.

    Their exception handler, where nobody set another one, logs it as an error of the logger `asyncio`.
    """

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.texts: list[str] = []
        self._plain = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self._plain.format(record))


_complaints: Final = _Complaints()
logging.getLogger("asyncio").addHandler(_complaints)


@pytest.fixture(autouse=True)
def no_loop_complains() -> Iterator[None]:
    """Fail a test in which an event loop had to report an exception that nobody caught."""
    _complaints.texts.clear()
    yield
    texts, _complaints.texts = _complaints.texts, []
    if texts:
        pytest.fail("an event loop called its exception handler: " + "\n".join(texts), pytrace=False)


# -- transports and contexts ------------------------------------------------------------------------------------------


@pytest.fixture(params=_TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Return the name of a transport; a test that asks for it runs once for each."""
    name: str = request.param
    return name


@pytest.fixture
def endpoint(transport: str) -> Endpoint:
    """Return a function that gives an address to bind, a new one each time; connect to the socket's LAST_ENDPOINT."""
    addresses: dict[str, Endpoint] = {
        "tcp": lambda: "tcp://127.0.0.1:0",
        "ipc": lambda: "ipc://*",
        "inproc": lambda: f"inproc://test-{next(_numbers)}",
    }
    return addresses[transport]


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context that is terminated after the test."""
    import aiomq  # a test of a single layer must not need the whole package

    context = aiomq.Context()
    yield context
    await context.term()
