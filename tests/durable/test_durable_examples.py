"""The programs of the how-to guide: a subscriber that is started again goes on where it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.test_examples import ENVIRONMENT, SECONDS, command, started


def updates(endpoint: str) -> list[int]:
    """Run a subscriber to its end; return the numbers of the updates that it printed."""
    done = subprocess.run(
        command("guide/durable_subscriber", "1", endpoint),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(line.removeprefix("update ")) for line in done.stdout.splitlines()]


def test_subscriber_that_is_started_again_goes_on_where_it_was(tmp_path: Path) -> None:
    arguments = ("10000", "tcp://127.0.0.1:*", "0.02", str(tmp_path / "queues.db"))
    with started(tmp_path / "publisher.txt", "guide/durable_publisher", *arguments) as publisher:
        endpoint = publisher.find(r"updates at (tcp://127\.0\.0\.1:\d+)")
        before, after = updates(endpoint), updates(endpoint)

    assert after == list(range(after[0], after[0] + len(after)))
    assert before[-1] < after[0] <= before[-1] + 5  # a new interpreter takes far longer than five updates
