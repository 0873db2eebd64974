"""The runner itself: what it tells of targets that are well, and of those that are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import GROWTH_MAX, _read
from tests.fuzz.engine import Counted, report
from tests.fuzz.frame_targets import _check, _expected, _split
from tests.fuzz.target import Draw, Target

ROOT = Path(__file__).resolve().parents[2]


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_runner_tells_executions_seconds_and_findings(tmp_path: Path) -> None:
    done = fuzz("commands", "zap_replies", "--executions", "400", "--engine", "plain", "--keep", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["commands", "zap_replies", "all"]
    assert done.stdout.splitlines()[-1].split()[1] == "399"
    assert done.stdout.splitlines()[-1].endswith("none")


def test_runner_refuses_a_target_that_there_is_not() -> None:
    done = fuzz("nothing")

    assert done.returncode == 2
    assert "there is no target nothing" in done.stderr


def test_last_report_in_a_log_counts() -> None:
    log = "\n".join([report(10, 1.0, [5]), "Traceback", report(20, 2.0, [5, 6, 9, 90]), "bye"]).encode()

    result = _read("frames", log, 3.0)
    assert (result.executions, result.seconds, result.growth) == (20, 3.0, 81)
    assert "none" in result.row


def test_memory_that_is_kept_shows_as_growth(capsys: pytest.CaptureFixture[str]) -> None:
    held: list[list[bytes]] = []
    run = Counted(lambda data: held.append([data * 3 for _ in range(1000)]), 100)
    for _ in range(100):
        run(b"abc")

    result = _read("frames", capsys.readouterr().out.encode(), 1.0)
    assert result.executions == 100
    assert result.growth > GROWTH_MAX


def test_check_tells_a_decoder_that_loses_a_message() -> None:
    wanted = _expected(_split(b"\0\1a\0\1b", -1))

    _check(([b"a", b"b"], [], False), wanted)
    with pytest.raises(AssertionError, match="came out, not"):
        _check(([b"a"], [], False), wanted)


def test_draw_gives_zeros_when_it_is_used_up() -> None:
    draw = Draw(b"\x05ab")

    assert (draw.number(4), draw.piece(1), draw.rest(), draw.number(9), bool(draw)) == (1, b"a", b"b", 0, False)
    assert Target(name="x", run=len, share=1).max_size == 4096  # type: ignore[arg-type]
