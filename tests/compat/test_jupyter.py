"""jupyter_client's asyncio client and a real ipykernel, both as they are, on the compat layer on either side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compat.needed import needed

needed("ipykernel")
needed("jupyter_client")

PROGRAM = str(Path(__file__).with_name("jupyter_session.py"))
ON_COMPAT = ("-m", "aiomq.compat")


@pytest.mark.parametrize(
    ("client", "kernel"),
    [(ON_COMPAT, ON_COMPAT), (ON_COMPAT, ()), ((), ON_COMPAT)],
    ids=["both", "client", "kernel"],
)
def test_session(client: tuple[str, ...], kernel: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, *client, PROGRAM, *kernel]
    result = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False, cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    theirs, ours = "zmq", "aiomq.compat.zmq"
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "zmq": ours if client else theirs,
        "execute": ["ok", "", f"{ours if kernel else theirs}\n"],
        "complete": "print",
        "inspect": True,
        "stdin": ["ok", "", "Ada\n"],
        "interrupt": ["error", "KeyboardInterrupt", "busy\n"],
        "heartbeat": True,
        "restart": ["ok", "", "False\n"],
        "alive": False,
    }
    bad = [word for word in ("Traceback", "Task was destroyed", "never retrieved") if word in result.stderr]
    assert not bad, result.stderr
