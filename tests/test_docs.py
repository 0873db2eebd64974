"""Every Python program of README.md and docs/ runs to its end, each in a process of its own.

A block that cannot run stands under a comment that says why: `<!-- no-run: needs two machines -->`. It must compile all
the same. There is no other way to leave a block out.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()]
SECONDS: Final = 30
"""How long one program may take."""

_BLOCK: Final = re.compile(
    r"(?:^[ ]*<!--[ ]*no-run(?P<reason>[^\n]*?)-->[ ]*\n\s*?)?"
    r"^(?P<indent>[ ]*)(?P<fence>`{3,}|~{3,})[ ]*\{?[ .]*py(?:thon)?3?\b[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence)",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fenced block of Python."""

    place: str
    """Page and line of its first line of code: "docs/index.md:12"."""
    code: str
    reason: str | None
    """Why it is not run; None if it is."""


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Yield the Python blocks of a page."""
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        reason = found["reason"]
        yield Block(f"{page}:{line}", textwrap.dedent(found["code"]), None if reason is None else reason.strip(" :"))


def run(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block as a program whose line numbers are those of its page."""
    page, _, line = block.place.rpartition(":")
    program = folder / f"{Path(page).stem}.py"
    program.write_text("\n" * (int(line) - 1) + block.code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(program)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


BLOCKS: Final = [
    block for page in PAGES for block in blocks_of(page.relative_to(ROOT).as_posix(), page.read_text("utf-8"))
]


@pytest.mark.parametrize("block", [pytest.param(block, id=block.place) for block in BLOCKS if block.reason is None])
def test_block_runs_to_its_end_without_warnings(block: Block, tmp_path: Path) -> None:
    done = run(block, tmp_path)

    assert done.returncode == 0, f"{block.place} failed:\n{done.stderr}"
    assert "Warning" not in done.stderr, f"{block.place} warned:\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{block.place} made an event loop complain:\n{done.stderr}"


def test_block_left_out_says_why_and_compiles() -> None:
    for block in BLOCKS:
        if block.reason is not None:
            assert block.reason, f"{block.place}: write <!-- no-run: the reason -->"
            compile(block.code, block.place, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_blocks_are_found_with_their_lines_and_reasons() -> None:
    page = textwrap.dedent(
        """\
        # Title

        ```python
        first = 1
        ```

        <!-- no-run: needs a second machine -->
        ```python title="a.py"
        second = 2
        ```

        * item

            ~~~py
            third = 3
            ~~~

        ```text
        not python
        ```

        <!-- no-run -->

        ``` { .python .annotate }
        fourth = 4
        ```
        """
    )

    assert list(blocks_of("a.md", page)) == [
        Block("a.md:4", "first = 1\n", None),
        Block("a.md:9", "second = 2\n", "needs a second machine"),
        Block("a.md:15", "third = 3\n", None),
        Block("a.md:25", "fourth = 4\n", ""),
    ]


def test_program_that_fails_is_told_with_the_line_of_its_page(tmp_path: Path) -> None:
    done = run(Block("docs/page.md:40", "print('before')\nraise SystemError('broken')\n", None), tmp_path)

    assert done.returncode == 1
    assert "line 41" in done.stderr
    assert "SystemError: broken" in done.stderr
