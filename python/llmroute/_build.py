"""The build id: a hash of the native sources, stamped into the binary that was made from them.

The build calls this file as a script to write the stamp; an editable install calls `check` so that
a stale binary is refused instead of loaded.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

__all__ = ["check", "source_id"]


def source_id(root: Path) -> str:
    """Return 16 hexadecimal digits that change with any native source below `root`.

    Parameters
    ----------
    root : Path
        A source tree: holds ``CMakeLists.txt`` and ``cpp/``.
    """
    digest = hashlib.sha256()
    files = [p for p in (root / "cpp").rglob("*") if p.suffix in {".cpp", ".h"}]
    for path in [root / "CMakeLists.txt", *sorted(files)]:
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(b"\0")
        digest.update(path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def check(package: Path, build_id: str) -> None:
    """Raise ImportError where `package` lies in a source tree that `build_id` was not made from.

    Costs a stat where the package is installed, a few milliseconds in a source tree.
    """
    root = package.parent.parent
    if not (root / "cpp" / "bindings").is_dir() or not (root / "CMakeLists.txt").is_file():
        return
    found = source_id(root)
    if found != build_id:
        raise ImportError(
            f"llmroute's native module was built from other sources (build {build_id}, sources "
            f"{found}); build it again with `make dev` or `pip install --no-build-isolation -e .`"
        )


def _write_header(root: Path, header: Path) -> None:
    text = (
        "// Written by the build; see python/llmroute/_build.py.\n#pragma once\n\n"
        "namespace llmroute {\ninline constexpr char kBuildId[] = "
        f'"{source_id(root)}";\n}}  // namespace llmroute\n'
    )
    header.parent.mkdir(parents=True, exist_ok=True)
    if not header.exists() or header.read_text() != text:
        header.write_text(text)


if __name__ == "__main__":
    _write_header(Path(sys.argv[1]), Path(sys.argv[2]))
