"""The set-up knows what a machine lacks; the runner stops at what fails and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def tree(source_root: Path, tmp_path: Path) -> Path:
    """A tree with the scripts of this one and a core of one file."""
    shutil.copytree(source_root / ".ci", tmp_path / "tree" / ".ci")
    layer = tmp_path / "tree" / "cpp" / "llmroute" / "base"
    layer.mkdir(parents=True)
    (layer / "a.h").write_text("#include <vector>\n")
    return tmp_path / "tree"


def run_steps(tree: Path, *steps: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-u", str(tree / ".ci" / "test"), *steps],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


def test_steps_that_pass_end_with_their_times(tree: Path) -> None:
    done = run_steps(tree, "layers", "size")
    assert done.returncode == 0, done.stdout
    assert "layers: 1 files in 1 layers, 0 faults" in done.stdout
    assert done.stdout.index("== layers ==") < done.stdout.index("== size ==")
    assert "== times ==" in done.stdout
    assert done.stdout.endswith("make test: all 2 steps passed\n")


def test_the_first_step_that_fails_ends_the_run(tree: Path) -> None:
    (tree / "cpp" / "llmroute" / "base" / "a.h").write_text('#include "llmroute/net/loop.h"\n')
    done = run_steps(tree, "layers", "size")
    assert done.returncode == 1
    assert "base (level 0) may not include net (level 2)" in done.stdout
    assert "== size ==" not in done.stdout
    assert "FAILED" in done.stdout.split("== times ==")[1]
    assert "FAILED in layers" in done.stdout.splitlines()[-1]


def test_parts_with_nothing_to_do_say_so(tree: Path) -> None:
    done = run_steps(tree, "notebooks", "examples", "docs")
    assert done.returncode == 0, done.stdout
    for part in ("notebooks", "examples", "docs"):
        assert f"{part}: there are no" in done.stdout


def test_a_failing_example_fails_the_step(tree: Path) -> None:
    (tree / "examples").mkdir()
    (tree / "examples" / "good.py").write_text("print('fine')\n")
    (tree / "examples" / "bad.py").write_text("raise ValueError('as expected')\n")
    done = run_steps(tree, "examples")
    assert done.returncode == 1
    assert "as expected" in done.stdout
    assert "1 passed, 1 failed" in done.stdout


def test_an_unknown_step_is_refused_by_name(tree: Path) -> None:
    done = run_steps(tree, "layer")
    assert done.returncode == 2
    assert "no step 'layer'; there are: layers, size" in done.stdout


def missing(tree: Path, section: str, installed: list[str]) -> list[str]:
    """What the set-up would install, on a machine that has these packages."""
    commands = tree / "bin"
    commands.mkdir(exist_ok=True)
    names = " ".join(installed) or "-"
    query = commands / "dpkg-query"
    query.write_text(
        f'#!/bin/sh\nfor name in "$@"; do :; done\n'
        f'for have in {names}; do [ "$have" = "$name" ] && printf installed; done\ntrue\n'
    )
    query.chmod(0o755)
    done = subprocess.run(
        [str(tree / ".ci" / "setup"), "--missing", section],
        env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


PACKAGES = """
# a comment
[build]
g++   # the compiler
boost-1 | boost-2 | boost

[test]
nginx
"""


@pytest.mark.parametrize(
    ("section", "installed", "expected"),
    [
        ("build", [], ["g++   ", "boost-1 | boost-2 | boost"]),
        ("build", ["g++", "nginx"], ["boost-1 | boost-2 | boost"]),
        ("build", ["g++", "boost-2"], []),
        ("test", ["g++", "boost-2"], ["nginx"]),
        ("test", ["nginx"], []),
        ("bench", [], []),
    ],
)
def test_missing_packages(
    section: str, installed: list[str], expected: list[str], tree: Path
) -> None:
    (tree / ".ci" / "packages.txt").write_text(PACKAGES)
    assert missing(tree, section, installed) == expected


def test_this_list_names_what_the_build_needs(tree: Path) -> None:
    build = " ".join(missing(tree, "build", []))
    for name in ("g++", "cmake", "ninja-build", "libcurl4-openssl-dev", "nlohmann-json3-dev"):
        assert name in build
