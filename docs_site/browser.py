"""Looks at a page with headless Chromium: pictures of it, its console, its width and its background."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

LIGHT, DARK = "light", "dark"
_SCHEMES = {DARK: "0", LIGHT: "1"}
_SECONDS = 120
_FRAME = """<!DOCTYPE html><html><body><iframe width={width} height=900 srcdoc="{page}"></iframe><script>
addEventListener("load", () => {{ const inner = document.querySelector("iframe").contentDocument;
const colour = getComputedStyle(inner.body).backgroundColor;
document.documentElement.setAttribute("data-seen", inner.documentElement.scrollWidth + ";" + colour); }});
</script></body></html>"""
"""A page in a frame of a width, since windows have a smallest one."""


@dataclass(frozen=True)
class SeenPage:
    """What a browser says of a page."""

    console: list[str]
    """Messages and errors on the console, network errors included."""
    width_px: int
    """Width of the content; wider than the window if it has to be scrolled sideways."""
    background: str
    """As in CSS, such as rgb(255, 255, 255)."""


@cache
def chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def take_picture(page: Path, target: Path, width: int, height: int) -> None:
    """Write a PNG of the upper part of a page."""
    _run(page.resolve().as_uri(), width, height, LIGHT, f"--screenshot={target.resolve()}")


def look_at(page: Path, width: int, scheme: str) -> SeenPage:
    """Open a page, which must have no other files, in a window of a width, in light or dark colours."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        text = escape(page.read_text(encoding="utf-8"))
        copy.write_text(_FRAME.format(width=width, page=text), encoding="utf-8")
        shown = _run(copy.as_uri(), 1600, 900, scheme, "--dump-dom")
    seen = re.search(r'data-seen="(\d+);([^"]*)"', shown.stdout)
    if seen is None:
        raise RuntimeError(f"{page}: the browser ran no script\n{shown.stderr[-2000:]}")
    return SeenPage(_console(shown.stderr), int(seen[1]), seen[2])


def console_at(url: str, width: int, scheme: str) -> list[str]:
    """Open an address and return what appears on the console."""
    return _console(_run(url, width, 900, scheme, "--dump-dom", "--virtual-time-budget=5000").stderr)


def _console(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if "CONSOLE" in line]


def _run(url: str, width: int, height: int, scheme: str, *more: str) -> "subprocess.CompletedProcess[str]":
    program = chromium()
    if program is None:
        raise RuntimeError("no Chromium is installed")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            *more,
            url,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
