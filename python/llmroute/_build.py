"""The build id: a hash of the native sources, stamped into the binary that was made from them.

The build runs this file as a script to write the stamp; a package that is imported from a source
tree calls `check`, so that a stale binary is refused instead of loaded. Where the package is
installed, `check` costs one look at the disk: nothing else is imported for it.
"""

from __future__ import annotations

import os
import sys

__all__ = ["check", "source_id"]

_ROOT_FILES = (
    "CMakeLists.txt",
    "cmake/layers.cmake",
    "cmake/python.cmake",
    "cmake/re2.cmake",
    ".ci/layers.json",
)


def source_id(root: str | os.PathLike[str]) -> str:
    """Return 16 hexadecimal digits that change with any native source below `root`.

    Parameters
    ----------
    root : str or os.PathLike
        A source tree: holds ``CMakeLists.txt`` and ``cpp/``.

    Returns
    -------
    str
        The same for equal sources, wherever they lie and whenever they were written.
    """
    import hashlib

    base = os.fspath(root)
    names = [name for name in _ROOT_FILES if os.path.isfile(os.path.join(base, name))]
    for folder, _, files in os.walk(os.path.join(base, "cpp")):
        inside = os.path.relpath(folder, base).replace(os.sep, "/")
        names += [f"{inside}/{name}" for name in files if name.endswith((".cpp", ".h"))]
    digest = hashlib.sha256()
    for name in sorted(names):
        with open(os.path.join(base, name), "rb", buffering=0) as file:
            content = file.read()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def check(package: str | os.PathLike[str], build_id: str) -> None:
    """Refuse a binary that was made from other sources than those it lies beside.

    Parameters
    ----------
    package : str or os.PathLike
        The folder of the package. Only where a source tree surrounds it is there anything to
        compare, which takes a few milliseconds.
    build_id : str
        What the binary says it was made from.

    Raises
    ------
    ImportError
        With the command that builds the binary again.
    """
    root = os.path.dirname(os.path.dirname(os.fspath(package)))
    if not os.path.isdir(os.path.join(root, "cpp", "bindings")):
        return
    found = source_id(root)
    if found != build_id:
        raise ImportError(
            f"llmroute's native module was built from other sources than those in {root} "
            f"(build {build_id}, sources {found}); build it again: make dev, or "
            "pip install --no-build-isolation --no-deps -e ."
        )


def _write_header(root: str, header: str) -> None:
    text = (
        "// Written by the build: see python/llmroute/_build.py.\n#pragma once\n\n"
        "namespace llmroute {\n\n"
        f'inline constexpr char kBuildId[] = "{source_id(root)}";\n\n'
        "}  // namespace llmroute\n"
    )
    os.makedirs(os.path.dirname(header), exist_ok=True)
    with open(header, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    _write_header(sys.argv[1], sys.argv[2])
