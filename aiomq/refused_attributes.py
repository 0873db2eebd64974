"""Names that somebody may try as an attribute of a socket, and that are none: each says why, or what was meant.

They are descriptors, one for each name, because a `__getattr__` or `__setattr__` on the class would slow down every
other attribute: the interpreter then knows none of them beforehand. Whatever else is misspelt gets Python's own error.

They are made, and not written out, so that type checkers and editors do not know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Never

from aiomq.options import OPTIONS, refusal

__all__ = ["Refused", "RefusedAttributes"]


class Refused:
    """An attribute that cannot be read or set."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __get__(self, instance: object, owner: type) -> Refused:
        if instance is None:
            return self
        raise self._error()

    def __set__(self, instance: object, value: object) -> Never:
        raise self._error()

    def _error(self) -> AttributeError:
        return AttributeError(self.reason, name=None, obj=None)  # with a name Python would suggest a similar one

    def __repr__(self) -> str:
        return f"<Refused {self.reason}>"


class RefusedAttributes:
    """Gives a socket the reason for each option that it refuses, in lower or upper case.

    Options that it has are hinted at for whoever writes them in upper case, as pyzmq allows.
    """

    __slots__ = ()

    def __dir__(self) -> Iterable[str]:
        return [name for name in object.__dir__(self) if name not in _REFUSED]


def _refused() -> Iterator[tuple[str, str]]:
    for spec in OPTIONS.values():
        reason = refusal(spec.option.name)
        for name in (spec.name, *spec.aliases):
            if reason:
                yield name, reason
            upper = name.upper()
            yield upper, reason or f"a socket has no option or attribute {upper!r}: did you mean {name}?"


_REFUSED: Final = dict(_refused())

for _name, _reason in _REFUSED.items():
    setattr(RefusedAttributes, _name, Refused(_reason))
