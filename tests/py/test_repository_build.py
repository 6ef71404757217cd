"""A binary that was made from other sources is refused; the versions in the tree agree."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import llmroute
from llmroute import _build, _core


@pytest.fixture
def tree(source_root: Path, tmp_path: Path) -> Path:
    """A copy of what the build id is made of."""
    shutil.copytree(source_root / "cpp", tmp_path / "cpp")
    for name in _build._ROOT_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(source_root / name, tmp_path / name)
    (tmp_path / "python" / "llmroute").mkdir(parents=True)
    return tmp_path


def test_the_binary_was_made_from_these_sources(source_root: Path) -> None:
    assert _core.build_id == _build.source_id(source_root)


def test_a_copy_has_the_same_id(tree: Path, source_root: Path) -> None:
    found = _build.source_id(source_root)
    assert _build.source_id(tree) == found
    _build.check(tree / "python" / "llmroute", found)


def edit(path: Path) -> None:
    path.write_text(path.read_text() + "\n")


def rename(path: Path) -> None:
    path.rename(path.with_name("zz_" + path.name))


def remove(path: Path) -> None:
    path.unlink()


def add(path: Path) -> None:
    path.with_name("another.h").write_text("")


@pytest.mark.parametrize("change", [edit, rename, remove, add])
def test_a_changed_copy_is_refused(change: object, tree: Path) -> None:
    assert callable(change)
    before = _build.source_id(tree)
    change(tree / "cpp" / "llmroute" / "base" / "error.h")
    with pytest.raises(ImportError, match="make dev") as caught:
        _build.check(tree / "python" / "llmroute", before)
    assert before in str(caught.value)
    assert _build.source_id(tree) in str(caught.value)


@pytest.mark.parametrize("name", _build._ROOT_FILES)
def test_a_changed_build_is_refused(name: str, tree: Path) -> None:
    before = _build.source_id(tree)
    edit(tree / name)
    with pytest.raises(ImportError, match="other sources"):
        _build.check(tree / "python" / "llmroute", before)


def test_files_that_are_no_sources_do_not_count(tree: Path) -> None:
    before = _build.source_id(tree)
    (tree / "cpp" / "notes.md").write_text("x")
    (tree / "cpp" / "llmroute" / "base" / "error.h~").write_text("x")
    assert _build.source_id(tree) == before


def test_an_installed_package_is_not_compared(tmp_path: Path) -> None:
    _build.check(tmp_path / "site-packages" / "llmroute", "0" * 16)


def test_the_comparison_costs_little_more_than_reading(source_root: Path) -> None:
    """As a ratio to the floor in the same moment: every file opened and read, nothing else."""
    files = [path for path in (source_root / "cpp").rglob("*") if path.suffix in (".h", ".cpp")]
    ratios = []
    for _ in range(10):
        started = time.perf_counter()
        for path in files:
            with open(path, "rb", buffering=0) as file:
                file.read()
        floor = time.perf_counter() - started
        started = time.perf_counter()
        _build.source_id(source_root)
        ratios.append((time.perf_counter() - started) / floor)
    assert min(ratios) < 4


def test_importing_the_package_compares(tree: Path) -> None:
    """The package itself, beside changed sources, does not import: that is an editable install."""
    installed = Path(llmroute.__file__).parent
    shutil.copytree(installed, tree / "python" / "llmroute", dirs_exist_ok=True)
    native = Path(_core.__file__)
    shutil.copy(native, tree / "python" / "llmroute" / native.name)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import llmroute; print(llmroute.__file__)"

    def imported() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-c", code, str(tree / "python")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PYTHONPATH": ":".join(sys.path)},
        )

    done = imported()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tree))
    edit(tree / "cpp" / "llmroute" / "base" / "error.h")
    done = imported()
    assert done.returncode == 1
    assert "ImportError: llmroute's native module was built from other sources" in done.stderr


def test_the_version_has_one_source(source_root: Path) -> None:
    assert importlib.metadata.version("llmroute") == llmroute.__version__
    files = [source_root / "pyproject.toml", source_root / "CMakeLists.txt"]
    assert not [path for path in files if llmroute.__version__ in path.read_text()]


def test_the_package_is_typed() -> None:
    folder = Path(llmroute.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_core.pyi").is_file()
