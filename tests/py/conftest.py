"""What several test files share."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A shell that runs the tests in the background has them ignore Ctrl-C, and what they start inherits
# that; the tests that press it mean it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def source_root() -> Path:
    """The tree that holds the tests."""
    return ROOT


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run this interpreter on some code, with its output captured and a bound on its time."""

    def run(
        code: str, *arguments: str, timeout: float = 60, **options: object
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            **options,  # type: ignore[call-overload]
        )

    return run
