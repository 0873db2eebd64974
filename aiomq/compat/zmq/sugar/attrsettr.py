"""Options as attributes, in upper or lower case: `socket.linger = 0`, `socket.LINGER`."""

from __future__ import annotations

import errno
from typing import Any

from aiomq.compat.zmq import constants
from aiomq.compat.zmq.error import ZMQError

__all__ = ["AttributeSetter"]


class AttributeSetter:
    """Gives whatever a class does not define itself to `set` and `get`, as the option of that name."""

    def set(self, option: int, optval: Any) -> None:
        """Set an option."""
        raise NotImplementedError

    def get(self, option: int) -> Any:
        """Return the value of an option."""
        raise NotImplementedError

    def __setattr__(self, key: str, value: Any) -> None:
        cls = type(self)
        if key in self.__dict__ or any(key in vars(each) or key in _annotations(each) for each in cls.__mro__):
            object.__setattr__(self, key, value)
        else:
            self._set_attr_opt(key.upper(), self._option(key), value)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        option = self._option(key)
        try:
            return self._get_attr_opt(key.upper(), option)
        except ZMQError as error:
            if error.errno in (errno.EINVAL, errno.EFAULT):
                raise AttributeError(f"{key} cannot be read: {error}") from error
            raise

    def _option(self, key: str) -> int:
        option = getattr(constants, key.upper(), None)
        if option is None:
            raise AttributeError(f"a {type(self).__name__} has no attribute and no option {key!r}")
        return int(option)

    def _set_attr_opt(self, name: str, opt: int, value: Any) -> None:
        self.set(opt, value)

    def _get_attr_opt(self, name: str, opt: int) -> Any:
        return self.get(opt)


def _annotations(cls: type) -> Any:
    return getattr(cls, "__annotations__", ())
