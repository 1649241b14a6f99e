"""Looks at pages with headless Chromium as readers do: in narrow and wide windows, in light and dark colours."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIGHT, DARK = "light", "dark"
WIDTHS_PX = (400, 1400)
_HEIGHT_PX = 900
_MOST_SHOWN = 5
_DARKEST_LIGHT, _LIGHTEST_DARK = 200, 60
_AT_ONCE = "*, *::before, *::after { transition: none !important; animation: none !important }"
_LOOK = Path(__file__).with_name("read_page.js")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@cache
def chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def missing() -> str:
    """Return in words what is missing to look at pages, nothing if all is there."""
    if chromium() is None:
        return "no Chromium is installed"
    return "" if find_spec("playwright") else "playwright is not installed"


@contextmanager
def open_pages() -> Iterator[dict[str, Any]]:
    """Yield scheme -> an empty page of Playwright, in a browser without a network. Raises RuntimeError without one."""
    if missing():
        raise RuntimeError(missing())
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=[*_ARGUMENTS, _NO_NETWORK])
        try:
            yield {scheme: browser.new_page(color_scheme=scheme) for scheme in (LIGHT, DARK)}
        finally:
            browser.close()


@contextmanager
def listening(page: Any) -> Iterator[list[str]]:
    """Collect the errors of a page while a block runs: those on its console, and files that do not arrive."""
    errors: list[str] = []
    handlers = {
        "console": lambda message: errors.append(message.text) if message.type in ("error", "warning") else None,
        "pageerror": lambda error: errors.append(str(error)),
        "requestfailed": lambda request: errors.append(f"{request.url}: {request.failure}"),
    }
    for event, handler in handlers.items():
        page.on(event, handler)
    try:
        yield errors
    finally:
        for event, handler in handlers.items():
            page.remove_listener(event, handler)


def problems_at(pages: Mapping[str, Any], address: str) -> list[str]:
    """Open an address and return all that a reader would stumble over, with the windows where it is."""
    found: list[str] = []
    for scheme, page in pages.items():
        with listening(page) as errors:
            page.goto(address, wait_until="load")
            found += unreadable_parts(page, scheme) + [f"{scheme}: {line}" for line in errors]
    return found


def unreadable_parts(page: Any, scheme: str) -> list[str]:
    """Return what cannot be read of the page that is shown, in a narrow and in a wide window.

    That is: a body to be scrolled sideways, texts below 12 pixels, texts whose contrast is below 4.5 (large ones: 3;
    WCAG 2.2, 1.4.3), and a background that is not of the scheme.
    """
    page.add_style_tag(content=_AT_ONCE)
    found = []
    for width in WIDTHS_PX:
        page.set_viewport_size({"width": width, "height": _HEIGHT_PX})
        seen = page.evaluate(_LOOK.read_text(encoding="utf-8"))
        lines = [*seen["small"][:_MOST_SHOWN], *seen["faint"][:_MOST_SHOWN]]
        lines += [f"is {seen['width']} pixels wide"] * (seen["width"] > width)
        lines += [f"has a background of {seen['background']}"] * (not _fits(seen["background"], scheme))
        found += [f"{width} px, {scheme}: {line}" for line in lines]
    return found


def take_picture(file: Path, target: Path, width_px: int, height_px: int) -> None:
    """Write a PNG of the upper part of a page in a file, in light colours."""
    with open_pages() as pages:
        page = pages[LIGHT]
        page.set_viewport_size({"width": width_px, "height": height_px})
        page.goto(file.resolve().as_uri(), wait_until="load")
        page.screenshot(path=target)


def _fits(background: list[float] | None, scheme: str) -> bool:
    """Tell whether a background, None for a picture, is of a scheme."""
    if background is None:
        return True
    return min(background) >= _DARKEST_LIGHT if scheme == LIGHT else max(background) <= _LIGHTEST_DARK
