"""The ends of `aiomq proxy`, made without the command line."""

from __future__ import annotations

import aiomq
from aiomq.cli.proxy_ends import attach, setting
from aiomq.constants import SocketType


async def test_end_takes_options_and_budgets_by_name() -> None:
    settings = [setting(each) for each in ("topics_per_peer=100000", "rcvhwm=7")]
    async with aiomq.Context() as context:
        socket, _ = attach(context, "backend", SocketType.XPUB, (), settings)
        assert (socket.topics_per_peer, socket.rcvhwm) == (100_000, 7)
        socket.close()
