"""What the first loop of its kind leaves open for good, libuv's pipe for signals, is opened before leaks are counted."""

from __future__ import annotations

from aiomq.runner import loop_factory

loop_factory()().close()
