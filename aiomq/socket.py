"""The socket that a user holds: messages out, messages in.

The verbs are pyzmq's. What sends or receives is a coroutine; what binds, connects or sets is an ordinary call that has
taken effect when it returns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiomq.constants import PollEvent
from aiomq.durable_socket import SocketDurability
from aiomq.grouping import Grouping
from aiomq.message import FrameLike, MessageLike
from aiomq.poller import wait_ready
from aiomq.receiving import Receiving
from aiomq.sending import Sending

__all__ = ["FrameLike", "MessageLike", "Socket"]

T = TypeVar("T")


class Socket(Sending, Receiving, Grouping, SocketDurability):
    """A ZeroMQ socket for asyncio. Made by `Context.socket`.

    A socket belongs to the event loop that it is first used in. Any number of tasks of that loop may use it at the
    same time; those that wait for the same thing are served in the order they came.
    """

    __slots__ = ()

    # -- texts and objects -------------------------------------------------------------------------------------------

    async def send_string(self, u: str, flags: int = 0, encoding: str = "utf-8") -> None:
        """Send a text as one frame. Raises and cancellation: as `send`."""
        if not isinstance(u, str):
            raise TypeError(f"send_string takes a str, not {type(u).__name__}: use send for bytes")
        await self.send(u.encode(encoding), flags)

    async def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> str:
        """Receive one frame as text.

        Raises:
            UnicodeDecodeError: it is no text in this encoding; the frame is used up.

        Else raises and cancellation: as `recv`.
        """
        return (await self.recv(flags)).decode(encoding)

    async def send_json(self, obj: object, flags: int = 0, **kwargs: Any) -> None:
        """Send an object as one frame of JSON; `kwargs` go to `json.dumps`. Raises and cancellation: as `send`."""
        kwargs.setdefault("separators", (",", ":"))
        await self.send(json.dumps(obj, **kwargs).encode(), flags)

    async def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive one frame of JSON; `kwargs` go to `json.loads`.

        Raises:
            ValueError: it is no JSON; the frame is used up.

        Else raises and cancellation: as `recv`.
        """
        return json.loads(await self.recv(flags), **kwargs)

    async def send_serialized(self, msg: T, serialize: Callable[[T], Sequence[FrameLike]], flags: int = 0) -> None:
        """Send the frames that `serialize` makes of an object. Raises and cancellation: as `send`."""
        await self.send_multipart(serialize(msg), flags)

    async def recv_serialized(self, deserialize: Callable[[list[bytes]], T], flags: int = 0) -> T:
        """Receive a message and return what `deserialize` makes of its frames. Raises and cancellation: as `recv`."""
        return deserialize(await self.recv_multipart(flags))

    # -- readiness ---------------------------------------------------------------------------------------------------

    async def poll(self, timeout: float | None = None, flags: int = PollEvent.POLLIN) -> PollEvent:
        """Wait until the socket is ready, and take nothing from it.

        Args:
            timeout: milliseconds; None or negative waits for ever.
            flags: POLLIN, POLLOUT or both.

        Returns:
            What of it is true; 0 if the time was over first.

        Cancellation: nothing was taken, nothing is lost.
        """
        ready = await wait_ready([(self, PollEvent(flags))], timeout)
        return ready[0][1] if ready else PollEvent(0)
