"""The runner of the documentation runs what it should and fails where a page lies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

F = "```"

GOOD_PAGES = {
    "no blocks": "Text.\n",
    "one namespace": f"{F}python\nx = 1\n{F}\ntext\n{F}python\nassert x == 1\n{F}\n",
    "await": f"{F}python\nimport asyncio\nx = await asyncio.sleep(0, 3)\nassert x == 3\n{F}\n",
    "doctest": f"{F}python\n>>> x = 2\n>>> x + 1\n3\n>>> [1, 2]\n[...]\n{F}\n",
    "doctest shares": f"{F}python\n>>> x = 2\n{F}\n{F}python\nassert x == 2\n{F}\n",
    "other language": f"{F}toml\nnonsense\n{F}\n{F}\nnonsense\n{F}\n",
    "console unmarked": f"{F}console\n$ false\n{F}\n",
    "skipped": f"<!-- run: skip, needs a key -->\n{F}python\n1 / 0\n{F}\n",
    "hidden": f"<!-- run: python\nx = 4\n-->\n\n{F}python\nassert x == 4\n{F}\n",
    "file": (
        f"<!-- run: file a/b.toml -->\n{F}toml\nx = 1\n{F}\n"
        f"{F}python\nassert open('a/b.toml').read() == 'x = 1\\n'\n{F}\n"
    ),
    "console": f"<!-- run: -->\n{F}console\n$ echo one; echo two\ntwo\n$ true\n{F}\n",
    "console dots": f"<!-- run: -->\n{F}console\n$ printf 'a 12 b\\nc\\n'\na ... b\n...\n{F}\n",
    "continued": f"<!-- run: -->\n{F}console\n$ echo \\\n  one\none\n{F}\n",
    "bash": f"<!-- run: -->\n{F}bash\nx=1\necho $x > out\n{F}\n{F}python\nopen('out')\n{F}\n",
    "in a list": f"- item\n\n  {F}python\n  if True:\n      x = 1\n  {F}\n",
    "fence in a fence": f"````text\n{F}python\n1 / 0\n{F}\n````\n",
    "empty folder": f"{F}python\nimport os\nassert os.listdir() == []\n{F}\n",
}

BAD_PAGES = {
    "raises": (f"text\n\n{F}python\nx = 1\n1 / 0\n{F}\n", "line 5"),
    "syntax": (f"{F}python\nif\n{F}\n", "SyntaxError"),
    "exits": (f"{F}python\nraise SystemExit(0)\n{F}\n", "SystemExit"),
    "doctest": (f"{F}python\n>>> 1 + 1\n3\n{F}\n", "Got:"),
    "status": (f"<!-- run: -->\n{F}bash\nfalse\n{F}\n", "status 1"),
    "status within": (f"<!-- run: -->\n{F}bash\nfalse | true\ntrue\n{F}\n", "status 1"),
    "output": (f"<!-- run: -->\n{F}console\n$ echo one\ntwo\n{F}\n", "not in the output: 'two'"),
    "order": (
        f"<!-- run: -->\n{F}console\n$ printf 'a\\nb\\n'\nb\na\n{F}\n",
        "not in the output: 'a'",
    ),
    "no reason": (f"<!-- run: skip -->\n{F}python\n{F}\n", "says why"),
    "stray mark": ("<!-- run: skip, x -->\ntext\n", "directly before"),
    "last mark": ("<!-- run: skip, x -->\n", "has no block"),
    "unknown mark": (f"<!-- run: fast -->\n{F}toml\n{F}\n", "no such mark"),
    "open comment": ("<!-- run: python\nx = 1\n", "does not end"),
    "file outside": (f"<!-- run: file ../x -->\n{F}toml\n{F}\n", "outside"),
}


def run_docs(source_root: Path, page: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(source_root / ".ci" / "run_docs"), str(page)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("case", GOOD_PAGES, ids=str)
def test_good_pages_pass(case: str, source_root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(GOOD_PAGES[case])
    status, output = run_docs(source_root, page)
    assert status == 0, output
    assert "1 pages passed, 0 failed" in output


@pytest.mark.parametrize("case", BAD_PAGES, ids=str)
def test_bad_pages_fail(case: str, source_root: Path, tmp_path: Path) -> None:
    text, expected = BAD_PAGES[case]
    page = tmp_path / "page.md"
    page.write_text(text)
    status, output = run_docs(source_root, page)
    assert status == 1, output
    assert expected in output
    assert "0 pages passed, 1 failed" in output
