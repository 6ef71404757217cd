"""Where each client lives: llmroute's own environment, and one environment per peer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["available", "install"]

# Module to import, by the client's name; the package has the client's name.
PEERS = {
    "aiohttp": "aiohttp",
    "httpx": "httpx",
    "openai": "openai",
    "liter-llm": "liter_llm",
    "litellm": "litellm",
    "tensorzero": "tensorzero",
}


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _has(python: Path | str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


def available(folder: Path) -> dict[str, str]:
    """Clients that can be measured now, and the interpreter of each."""
    found = {"llmroute": sys.executable}
    for name, module in PEERS.items():
        for python in (_python(folder / name), Path(sys.executable)):
            if python.exists() and _has(python, module):
                found[name] = str(python)
                break
        else:
            print(f"{name}: absent (python -m benchmarks --setup-peers)", file=sys.stderr)
    return found


def install(folder: Path) -> int:
    """Make one environment per peer; 1 where one could not be made."""
    failed = 0
    for name in PEERS:
        target = folder / name
        subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
        done = subprocess.run([_python(target), "-m", "pip", "install", "-q", "-U", name])
        print(f"{name}: {'installed' if done.returncode == 0 else 'could not be installed'}")
        failed |= done.returncode != 0
    return int(failed)
