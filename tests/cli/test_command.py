"""The command `aiomq`, as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import aiomq
from aiomq.cli import demo, main
from aiomq.cli.demo import DemoError

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "aiomq", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_demo_shows_every_exchange_and_ends_with_a_speed() -> None:
    done = command("demo", "--seconds", "0.2")

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in ("Request-reply", "Publish-subscribe", "Pipeline", "Speed"):
        assert part in done.stdout
    assert "got 'Hello Ada, this is process " in done.stdout
    assert "we got 'weather.rome 21 degrees, sun'" in done.stdout
    assert "pushed 5, collected 25" in done.stdout
    assert done.stdout.endswith(" messages per second\n")


def test_version_is_that_of_the_package() -> None:
    assert command("--version").stdout == f"aiomq {aiomq.__version__}\n"


def test_help_names_the_demo() -> None:
    assert "demo" in command("--help").stdout


@pytest.mark.parametrize("arguments", [(), ("dance",), ("demo", "--seconds", "ten"), ("demo", "--seconds", "11")])
def test_wrong_use_is_refused_with_status_2(arguments: tuple[str, ...]) -> None:
    done = command(*arguments)

    assert done.returncode == 2
    assert "usage: aiomq" in done.stderr
    assert "Traceback" not in done.stderr


async def test_demo_whose_peer_dies_tells_its_status_and_its_words() -> None:
    peer = (sys.executable, "-c", "raise SystemExit('no room at the inn')")

    with pytest.raises(DemoError, match="with status 1; it said:\nno room at the inn"):
        await demo.show(0.1, peer)


async def test_demo_whose_peer_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="nowhere"):
        await demo.show(0.1, (str(tmp_path / "nowhere"),))


async def test_demo_that_takes_too_long_fails_and_ends_the_peer(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_DEADLINE", 0.2)

    with pytest.raises(DemoError, match="did not get through in time"):
        await demo.show(0.1, (sys.executable, "-c", "import time; time.sleep(60)"))

    pid = int(capfd.readouterr().out.split(" talk to each other")[0].split(" and ")[-1].rstrip(","))
    assert not is_alive(pid)


def test_failure_is_told_on_standard_error_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(seconds: float) -> None:
        raise DemoError(f"broken after {seconds}")

    monkeypatch.setattr("aiomq.cli.show", broken)
    assert main(["demo", "--seconds", "1"]) == 1
    assert capsys.readouterr().err == "aiomq demo failed: broken after 1.0\n"
