"""The checks of the project, each in an environment of its own.

`nox` alone runs lint, types and tests; `nox -s docs` one session; `nox -l` lists them all.
"""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
ROOT = Path(__file__).parent

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False


def pytest(session: nox.Session, *paths: str) -> None:
    """Run the tests under these paths, all of them if there are none."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *paths, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and layers; `nox -s lint -- --fix` mends what can be mended."""
    session.install("ruff>=0.12", "-e", ".[test]")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    session.run("python", "-m", "pytest", "-q", "tests/test_layers.py")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, the tests, the examples and the benchmarks, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on each Python that is found, each async test on asyncio and on uvloop."""
    pytest(session)


@nox.session
def interop(session: nox.Session) -> None:
    """Run the tests against libzmq."""
    pytest(session, "tests/interop")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz all targets for longer than CI does; `nox -s fuzz -- --executions 10000000`, or the names of targets."""
    session.install("-e", ".[fuzz,test]")
    session.run("python", "-m", "tests.fuzz", *(session.posargs or ["--executions", "1000000"]))
    if not session.posargs:
        longer = {"AIOMQ_FUZZ_EXAMPLES": "300"}
        session.run("python", "-m", "pytest", "-q", "--timeout", "3600", "tests/fuzz", env=longer)


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example to its end."""
    paths = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/test_examples*.py"))]
    if not paths:
        session.error("there is no tests/test_examples*.py")
    pytest(session, *paths)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, where every warning is an error, and run the programs in it."""
    session.install("-e", ".[docs,test]")
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "-m", "pytest", "-q", "tests/test_docs.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks for a short time: do they still work, and is anything far off?"""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks", *(session.posargs or ["--quick"]))


@nox.session
def micro(session: nox.Session) -> None:
    """Time the hot functions, one by one; `nox -s micro -- --benchmark-compare` holds them against a saved run."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "pytest", "benchmarks/micro", *session.posargs)


@nox.session
def attack(session: nox.Session) -> None:
    """Attack own servers on loopback for some minutes; `-- --held` measures what strangers make them hold."""
    session.install("-e", ".[curve]")
    session.run("python", "-m", "tests.attack", *session.posargs)
