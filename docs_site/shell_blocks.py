"""Runs the shell blocks of a page, one after the other in one shell, as a reader would type them.

python -m docs_site.shell_blocks PAGE FOLDER
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FENCED = re.compile(r"^```(bash|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(markdown: str, kind: str = "bash") -> list[str]:
    """Return the contents of the fenced blocks of a kind: `bash` is typed, `text` is printed."""
    return [content for found, content in _FENCED.findall(markdown) if found == kind]


def run_page(page: Path, folder: Path) -> str:
    """Run all blocks of a page in a folder and return what they print.

    Raises RuntimeError with the end of the output if a command fails.
    """
    script = "set -euo pipefail\n" + "\n".join(blocks(page.read_text(encoding="utf-8")))
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    (folder / "sample_data").symlink_to(ROOT / "sample_data")  # readers work in the checkout
    finished = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"a block of {page.name} failed:\n{finished.stdout[-3000:]}")
    return finished.stdout


def not_printed(page: Path, output: str) -> list[str]:
    """Return the lines of `text` blocks that a run of the page did not print; `...` stands for anything."""
    printed = [" ".join(line.split()) for line in output.splitlines()]
    wanted = [" ".join(line.split()) for block in blocks(page.read_text(), "text") for line in block.splitlines()]
    return [line for line in wanted if not any(re.fullmatch(_pattern(line), other) for other in printed)]


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("...")))


if __name__ == "__main__":
    sys.stdout.write(run_page(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
