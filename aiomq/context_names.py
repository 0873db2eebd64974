"""Names that somebody sets on a context: those that it has not are mistakes, or attributes of a subclass."""

from __future__ import annotations

import difflib
from collections.abc import Container
from typing import Final

from aiomq.options import refusal

__all__ = ["check_new_name", "has_name"]

_ALIKE: Final = 0.6
_NEARLY_THE_SAME: Final = 0.8
"""How much a new attribute of a subclass has to look like an option to be taken for one that is misspelt."""


def has_name(owner: type, name: str) -> bool:
    """Return whether a class has an attribute of this name, or says by an annotation that its objects have."""
    return any(name in vars(each) or name in _annotations(each) for each in owner.__mro__)


def _annotations(owner: type) -> Container[str]:
    try:
        found: Container[str] = getattr(owner, "__annotations__", ())
    except NameError:  # Python 3.14 evaluates them now, and one is known to type checkers only
        return _Any()
    return found


class _Any(Container[str]):
    """Contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


def check_new_name(owner: type, name: str, *, may_be_new: bool) -> None:
    """Refuse to set an attribute that a context has not.

    Args:
        owner: the class of the context.
        name: the attribute.
        may_be_new: whether it is a subclass, which may have attributes of its own.

    Raises:
        AttributeError: it is an option that is refused, or there is none of this name; the text says what was meant.
    """
    names = [each for each in dir(owner) if not each.startswith("_") and hasattr(getattr(owner, each), "__set__")]
    lowered = name.lower()
    if lowered not in names and (reason := refusal(name)):
        raise AttributeError(reason)
    close = [lowered] if lowered in names else []
    close = close or difflib.get_close_matches(lowered, names, cutoff=_NEARLY_THE_SAME if may_be_new else _ALIKE)
    if may_be_new and not close:
        return
    hint = f": did you mean {' or '.join(close)}?" if close else "; aiomq.SocketOption lists those of its sockets"
    own = " To have it as your own, annotate it in your class" if may_be_new else ""
    raise AttributeError(f"a context has no option or attribute {name!r}{hint}{own}")
