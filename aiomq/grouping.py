"""Groups and single peers: the calls of a socket that only some types have."""

from __future__ import annotations

import errno
from collections.abc import Callable

from aiomq.errors import ZMQError
from aiomq.socket_base import SocketBase
from aiomq.transports.dialer import Dialer

__all__ = ["Grouping"]


class Grouping(SocketBase):
    """The methods of `Socket` for DISH (groups), and for SERVER and PEER (routing ids)."""

    __slots__ = ()

    def join(self, group: str | bytes) -> None:
        """Receive what RADIO sockets send to a group, on a DISH socket (RFC 48).

        Args:
            group: its name, up to 255 bytes (text is encoded as UTF-8), none of which is 0.

        Raises:
            ZMQError: EINVAL if it is joined already, or if no group can have this name; ENOTSUP on another type.
            TypeError: it is neither text nor bytes.
        """
        self._change_groups(self._core.pattern.join, group)

    def leave(self, group: str | bytes) -> None:
        """Receive no more of what is sent to a group, on a DISH socket; what was on its way is dropped, too.

        Raises:
            ZMQError: EINVAL if it is not joined; ENOTSUP on another type.
            TypeError: it is neither text nor bytes.
        """
        self._change_groups(self._core.pattern.leave, group)

    def _change_groups(self, change: Callable[[bytes], None], group: object) -> None:
        if isinstance(group, str):
            group = group.encode()
        if not isinstance(group, bytes):
            raise TypeError(f"the name of a group is str or bytes, not {type(group).__name__}")
        core = self._core
        core.enter_sync()
        core.revoke_grants()
        change(group)

    def connect_peer(self, addr: str | bytes) -> int:
        """Connect a PEER socket, and return the routing id of the peer: it can be sent to from now on (RFC 51).

        Needs the event loop to run, because that is where the peer comes into being.

        Args:
            addr: an address, as for `connect`.

        Raises:
            ZMQError: ENOTSUP on another type; EFAULT with IMMEDIATE, for then there is no peer before there is a
                connection; otherwise as `connect`.
        """
        core = self._core
        core.enter()
        core.pattern.last_attached()  # raises for a type without
        if core.options.immediate:
            raise ZMQError(
                errno.EFAULT, "with IMMEDIATE a peer has no routing id until it is connected: unset it first"
            )
        self.connect(addr)
        return core.pattern.last_attached()

    def disconnect_peer(self, routing_id: int) -> None:
        """End the connection to one peer of a SERVER or PEER socket, and drop what is queued for it.

        A peer that this socket connected to is not connected to again; one that connected to this socket may do so, and
        is a new peer then.

        Args:
            routing_id: as `connect_peer` returned it, or as a `Frame` that was received has it.

        Raises:
            ZMQError: EHOSTUNREACH if there is no such peer, ENOTSUP on another type.
        """
        core = self._core
        core.enter()
        peer = core.pattern.peer_of(routing_id)
        for endpoint in tuple(core.endpoints.values()):
            if isinstance(endpoint, Dialer) and endpoint.peer is peer:
                endpoint.close(0)
        peer.close("it was disconnected by disconnect_peer")
