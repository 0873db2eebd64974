"""Writes the table of budgets in docs/explanation/limits.md.

    python docs/generate_limits.py

The page is checked in; `tests/test_docs_limits.py` fails when its table is not what this program would write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiomq.budgets import BUDGETS, Budget

__all__ = ["PAGE", "page", "table"]

PAGE: Final = Path(__file__).resolve().parent / "explanation" / "limits.md"

BEGIN: Final = "<!-- budgets: written by docs/generate_limits.py from aiomq.budgets: change them there -->\n"
END: Final = "<!-- budgets: end -->\n"

ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "connections_max": "nginx `worker_connections` 512; HAProxy `maxconn`, by the limit of open files; RabbitMQ"
        " `connection_max`, none",
        "connections_per_endpoint": "HAProxy `maxconn` of a frontend",
        "connections_per_address": "nginx `limit_conn`, HAProxy `conn_cur` of a stick table: none unless configured",
        "connections_per_second": "HAProxy `maxconnrate`, `conn_rate`; nginx `limit_req` for requests",
        "handshakes_max": "sshd `MaxStartups` 10:30:100",
        "handshakes_per_endpoint": "sshd `MaxStartups` 10:30:100",
        "handshakes_per_address": "sshd `PerSourceMaxStartups`, none",
        "handshake_bytes": "nginx 4 headers of 8 KiB; HAProxy `tune.bufsize` 16 KiB",
        "idle_timeout": "nginx `keepalive_timeout` 75 s; HAProxy `timeout client`; websockets by its pings, 20 s",
        "write_timeout": "nginx `send_timeout` 60 s; HAProxy `timeout client`",
        "message_bytes_max": "nginx `client_max_body_size` 1 MiB; websockets `max_size` 1 MiB; RabbitMQ"
        " `max_message_size` 16 MiB",
        "message_frames_max": "websockets and RabbitMQ: by the bytes alone",
        "rcvhwm_bytes": "websockets `max_queue` 16 frames; RabbitMQ: a consumer's `prefetch`",
        "sndhwm_bytes": "websockets `write_limit` 32 KiB; RabbitMQ `max-length-bytes` of a queue, none",
        "unread_bytes_max": "RabbitMQ `vm_memory_high_watermark`, 0.6 of the memory",
    }
)
"""What others have for the same purpose, with their defaults."""


def page(text: str) -> str:
    """Return the page with the table as it has to be."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def table() -> str:
    """Return the table of all budgets."""
    head = ["| attribute | default | for one | counts | then | elsewhere |", "|---|---|---|---|---|---|"]
    return "\n".join(["", *head, *map(_row, BUDGETS.values()), "", ""])


def _row(budget: Budget) -> str:
    then = budget.then + ("" if budget.at_once else " \\*")
    cells = (f"`{budget.name}`", _value(budget), budget.whose, budget.counts, then, ELSEWHERE.get(budget.name, ""))
    return f"| {' | '.join(cells)} |"


def _value(budget: Budget) -> str:
    value = budget.default
    if not value:
        return "none"
    if budget.unit == "bytes":
        for size, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
            if value % size == 0:
                return f"{value // size} {name}"
    return f"{value:,} {budget.unit}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
