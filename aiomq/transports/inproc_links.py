"""Making an inproc link: the second end for a peer that connects, and what both ends say to each other first."""

from __future__ import annotations

import asyncio

from aiomq.options import SocketOptions
from aiomq.transports.inproc import InprocPeer, call_in
from aiomq.transports.inproc_owner import InprocOwner
from aiomq.transports.lifecycle import LifecycleMessages

__all__ = ["link_peers"]


def link_peers(connecting: InprocPeer, binder: InprocOwner, options: SocketOptions) -> None:
    """Make the other end of a connecting peer at the socket that binds the name, and link both.

    Runs in the connecting end's loop, or in the binder's; the end in the other loop is told by its loop.

    Args:
        connecting: the end there is.
        binder: the socket that has the name.
        options: what that socket's options were at the bind.
    """
    accepted = InprocPeer(binder, connecting.endpoint, conflate=options.conflate)
    accepted.routing_id = connecting.identity
    named = bool(connecting.routing_id)  # by CONNECT_ROUTING_ID: identified already
    if not named:
        connecting.routing_id = options.routing_id
    lifecycle = LifecycleMessages.of_accepted(options, binder.lifecycle)
    connecting.farewell = lifecycle.farewell
    accepted.join(connecting)
    connecting.join(accepted)
    here = asyncio.get_running_loop()

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

    for loop, step in ((binder.loop, attach), (connecting.owner.loop, start)):
        if loop is here:
            step()
        else:
            call_in(loop, step)
