"""`zmq.log.handlers`: log records as messages of two frames, the topic and the text."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any, Final

from aiomq.compat.zmq.constants import PUB
from aiomq.compat.zmq.sugar.context import Context
from aiomq.compat.zmq.sugar.socket import Socket

__all__ = ["TOPIC_DELIM", "PUBHandler", "TopicLogger"]

TOPIC_DELIM: Final = "::"
"""What a message of a log has between a topic of its own and the text."""

_PLAIN: Final = "%(message)s\n"
_PLACED: Final = "%(levelname)s %(filename)s:%(lineno)d - %(message)s\n"
_FAILED: Final = "%(levelname)s %(filename)s:%(lineno)d - %(message)s - %(exc_info)s\n"


class PUBHandler(logging.Handler):
    """Publishes log records.

    The topic is the handler's own, if it has one, the level's name, and what stands before `::` in the message, with
    dots between them.

    Args:
        interface_or_socket: a PUB socket that is bound or connected, or where to bind one.
        context: makes that socket; None is a new one.
        root_topic: the handler's own topic.
    """

    def __init__(self, interface_or_socket: Any, context: Context | None = None, root_topic: str | bytes = "") -> None:
        super().__init__()
        self._root_topic = ""
        self.root_topic = root_topic
        placed, plain, failed = map(logging.Formatter, (_PLACED, _PLAIN, _FAILED))
        self.formatters: dict[int, logging.Formatter | None] = {
            logging.DEBUG: placed,
            logging.INFO: plain,
            logging.WARNING: placed,
            logging.ERROR: failed,
            logging.CRITICAL: placed,
        }
        if isinstance(interface_or_socket, Socket):
            self.socket: Any = interface_or_socket
            self.ctx = self.socket.__dict__.get("context")
        else:
            self.ctx = context or Context()
            self.socket = self.ctx.socket(PUB)
            self.socket.bind(interface_or_socket)

    @property
    def root_topic(self) -> str:
        """The first part of each topic."""
        return self._root_topic

    @root_topic.setter
    def root_topic(self, value: str | bytes) -> None:
        self.setRootTopic(value)

    def setRootTopic(self, root_topic: str | bytes) -> None:  # noqa: N802  # pyzmq's name
        """Set the first part of each topic."""
        self._root_topic = root_topic.decode() if isinstance(root_topic, bytes) else root_topic

    def setFormatter(  # noqa: N802  # logging's name
        self, fmt: logging.Formatter | None, level: int = logging.NOTSET
    ) -> None:
        """Set the formatter of a level, or of all."""
        for each in self.formatters if level == logging.NOTSET else (level,):
            self.formatters[each] = fmt

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as its level has it."""
        formatter = self.formatters.get(record.levelno) or self.formatters[logging.DEBUG] or logging.Formatter()
        return formatter.format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record."""
        topic, delimiter, text = str(record.msg).partition(TOPIC_DELIM)
        if delimiter:
            record = copy.copy(record)  # it is other handlers' too
            record.msg = text
        try:
            body = self.format(record).encode()
        except Exception:  # logging's own way with records that cannot be formatted
            self.handleError(record)
            return
        parts = (self.root_topic, record.levelname, topic if delimiter else "")
        self.socket.send_multipart([".".join(filter(None, parts)).encode("utf-8", "replace"), body])


class TopicLogger(logging.Logger):
    """A logger whose methods take a topic before the message: `logger.debug("topic.sub", "text")`."""

    def log(self, level: int, topic: str, msg: object = "", *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message under a topic."""
        super().log(level, f"{topic}{TOPIC_DELIM}{msg}", *args, **kwargs)


def _with_topic(name: str) -> Callable[..., None]:
    method = getattr(logging.Logger, name)

    def log(self: TopicLogger, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:
        method(self, f"{topic}{TOPIC_DELIM}{msg}", *args, **kwargs)

    log.__doc__ = f"Do the same as `Logger.{name}`, under a topic."
    log.__name__ = name
    return log


for _name in ("debug", "info", "warn", "warning", "error", "exception", "critical", "fatal"):
    if hasattr(logging.Logger, _name):
        setattr(TopicLogger, _name, _with_topic(_name))
