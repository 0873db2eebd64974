"""`python -m aiomq.compat`: run a program that was written for pyzmq, as it is, on aiomq.

python -m aiomq.compat program.py --its-options
python -m aiomq.compat -m ipykernel_launcher -f connection.json
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Final

from aiomq.compat import install

__all__ = ["main"]

USAGE: Final = "usage: python -m aiomq.compat (-m module | script.py) [argument ...]"


def main(arguments: list[str]) -> None:
    """Run a module or a script with `install` before it.

    Args:
        arguments: as of the command line: the program, and what it is given.

    Raises:
        SystemExit: no program is named; or what the program raises.
    """
    named = arguments[:1] == ["-m"]
    program = arguments[1:2] if named else arguments[:1]
    if not program or program[0].startswith("-"):
        raise SystemExit(f"{USAGE}\nname the module or the script to run")
    rest = arguments[2:] if named else arguments[1:]
    install()
    sys.argv = [program[0], *rest]
    if named:
        _run_module(program[0])
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(program[0]))  # as Python itself
        runpy.run_path(program[0], run_name="__main__")


def _run_module(name: str) -> None:
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
