"""Making an inproc link: the second end for a peer that connects, and what both ends say to each other first.

A peer that was closed before its name was bound has a link, too, if it left messages: one that is over at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiomq.options import SocketOptions
from aiomq.transports.inproc import InprocPeer, call_in
from aiomq.transports.inproc_owner import InprocOwner
from aiomq.transports.lifecycle import LifecycleMessages

__all__ = ["join_peers"]


def join_peers(connecting: InprocPeer, binder: InprocOwner, options: SocketOptions) -> Callable[[], None]:
    """Make the other end of a connecting peer at the socket that binds the name, and join the two.

    Runs in the connecting end's loop, or in the binder's, and nothing may close the connecting end meanwhile.

    Args:
        connecting: the end there is.
        binder: the socket that has the name.
        options: what that socket's options were at the bind.

    Returns:
        What lets both sockets know, to be called next in the same loop; the end in the other loop is told by its loop.
    """
    accepted = InprocPeer(binder, connecting.endpoint, conflate=options.conflate)
    accepted.routing_id = connecting.identity
    lifecycle = LifecycleMessages.of_accepted(options, binder.lifecycle)
    connecting.farewell = lifecycle.farewell
    if connecting.left:
        return lambda: _inherit(accepted, connecting)
    named = bool(connecting.routing_id)  # by CONNECT_ROUTING_ID: identified already
    if not named:
        connecting.routing_id = options.routing_id
    accepted.join(connecting)
    connecting.join(accepted)

    def attach() -> None:
        if lifecycle.hello:
            accepted.put(lifecycle.hello)
        binder.peer_attached(accepted)
        binder.peer_identified(accepted)
        binder.link_made()

    def start() -> None:
        if not named:
            connecting.owner.peer_identified(connecting)
        connecting.owner.link_made()
        connecting.deliver_pending()

    return lambda: _run(((binder.loop, attach), (connecting.owner.loop, start)))


def _run(steps: Iterable[tuple[asyncio.AbstractEventLoop, Callable[[], None]]]) -> None:
    """Take each step in its loop: at once in the one that runs here."""
    here = asyncio.get_running_loop()
    for loop, step in steps:
        if loop is here:
            step()
        else:
            call_in(loop, step)


def _inherit(accepted: InprocPeer, former: InprocPeer) -> None:
    """Let the socket that binds the name have what a closed one sent to it. Runs in the binder's loop."""
    binder = accepted.owner
    binder.peer_attached(accepted)
    binder.peer_identified(accepted)
    if not accepted.left:
        binder.link_made()
        accepted.inherit(former)
