"""Limits that aiomq has beyond libzmq's options: what a full outbox does, budgets, paths that are in use."""

from __future__ import annotations

import errno
import operator
from typing import Final

from aiomq.budget_attributes import BudgetAttributes
from aiomq.budgets import BUDGETS
from aiomq.core import SocketCore
from aiomq.errors import ZMQError
from aiomq.mute import OnMute
from aiomq.security import lowest_version, version_of

__all__ = ["LIMITS", "SocketLimits", "number_of", "policy_of"]

LIMITS: Final = frozenset(
    {"durable", "durable_limit", "durable_limit_each", "durable_store"}
    | {"ipc_exclusive", "on_mute", "zmtp_min", *BUDGETS}
)
"""The attributes of `SocketLimits` and `SocketDurability`, which are no options and have no numbers."""


class SocketLimits(BudgetAttributes):
    """The parts of `Socket` that set these limits."""

    __slots__ = ()

    _core: SocketCore

    @property
    def on_mute(self) -> OnMute:
        """What becomes of a message when the peer that it should go to is full, or all are.

        `block` waits, as PUSH, DEALER, PAIR, CHANNEL and DGRAM do by default. `drop_newest` drops that message, as PUB,
        XPUB and ROUTER do by default. `drop_oldest` drops the oldest message that is queued for the peer in its favour.
        With the last two `send` never waits: where there is no peer at all, the message is dropped too.
        `counters.dropped` and `PeerStatus.dropped` count.

        It applies at once. `drop_oldest` goes before XPUB_NODROP and ROUTER_MANDATORY. Setting it raises:

        * ZMQError: EINVAL for another word, or one that means nothing for this type of socket.
        """
        return self._core.pattern.on_mute

    @on_mute.setter
    def on_mute(self, policy: OnMute | str) -> None:
        core = self._core
        core.enter_sync()
        wanted = policy_of(policy)
        core.revoke_grants()
        core.pattern.set_on_mute(wanted)
        core.send_gate.wake(len(core.send_gate.waiters))  # who waited may be dropped now

    def _get_budget(self, name: str, /) -> int:
        value: int = getattr(self._core.options, name)
        return value

    def _set_budget(self, name: str, value: int, /) -> None:
        self._core.check_open()
        setattr(self._core.options, name, value)

    @property
    def ipc_exclusive(self) -> bool:
        """Whether `bind` refuses the path of an ipc endpoint at which somebody answers; False, as in libzmq.

        Without it the last one that binds a path has it: a server that has listened there goes on, and nobody finds it
        any more. With it that bind is EADDRINUSE. A file whose server is gone is removed in either case. To find out,
        a connection is made and closed, which the monitors of a living server see. Two that bind in the same moment
        may still both do so.

        It applies to binds that come later. Setting it raises:

        * TypeError: it is neither True nor False, nor 1 nor 0.
        """
        return self._core.options.ipc_exclusive

    @ipc_exclusive.setter
    def ipc_exclusive(self, value: bool) -> None:
        self._core.check_open()
        if value not in {0, 1}:
            raise TypeError(f"ipc_exclusive is True or False, not {value!r}")
        self._core.options.ipc_exclusive = bool(value)

    @property
    def zmtp_min(self) -> str:
        """The lowest version of ZMTP that is spoken: "1.0", "2.0", "3.0" or "3.1"; older peers are refused.

        Peers of 1.0 and 2.0 have no handshake to speak of: random bytes can be such a peer, and a message. So, as long
        as it was not set, it is "3.0" where there are rules that strangers have to keep: with a mechanism, a
        ZAP_DOMAIN, a TCP_ACCEPT_FILTER or IPC filter, with MAXMSGSIZE, or any budget (see `aiomq.budgets`) that is not
        its default. Else it is "1.0", as in libzmq. Set it to None to have it so again.

        It applies to binds and connects that come later. Setting it raises:

        * ZMQError: EINVAL for anything else.
        """
        major, minor = lowest_version(self._core.options)
        return f"{major}.{minor}"

    @zmtp_min.setter
    def zmtp_min(self, version: str | None) -> None:
        self._core.check_open()
        self._core.options.zmtp_min = version_of(version) or ""


def policy_of(policy: OnMute | str) -> OnMute:
    """Return the policy that a word means.

    Raises:
        ZMQError: EINVAL for another word.
    """
    try:
        return OnMute(policy)
    except ValueError:
        words = ", ".join(OnMute)
        raise ZMQError(errno.EINVAL, f"on_mute takes {words}, not {policy!r}") from None


def number_of(name: str, value: int, counted: str, minimum: int, meaning: str = "") -> int:
    """Return a whole number that an attribute takes.

    Args:
        name: of the attribute.
        value: what it is given.
        counted: what it is a number of.
        minimum: the least that it takes.
        meaning: what that least number means, for the error.

    Raises:
        ZMQError: EINVAL for a number below the minimum.
        TypeError: it is no number.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} takes a number of {counted}, not {value!r}") from None
    if number < minimum:
        raise ZMQError(errno.EINVAL, f"{name} takes a number of {counted} from {minimum}{meaning} on, not {number}")
    return number
