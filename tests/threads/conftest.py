"""What is opened once for good must be open before leaks are counted: libuv's pipe for signals, what spawning needs."""

from __future__ import annotations

import sys

from aiomq.runner import loop_factory

loop_factory()().close()

if sys.platform != "win32":
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
