"""Texts on coloured grounds can be read."""

import re

from s1.report_charts import CLASS_COLOURS, heat_map

INK_OF_BARS = "#222222"
ENOUGH = 4.5
"""Of WCAG 2.2, 1.4.3."""


def luminance(colour: tuple[int, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def numbers(colour: str) -> tuple[int, ...]:
    digits = colour.lstrip("#")
    full = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    return tuple(bytes.fromhex(full))


def test_numbers_of_all_distances_stand_out_from_their_cells() -> None:
    cells = "".join(heat_map(["a", "b"], {("a", "b"): step / 100}) for step in range(101))
    found = re.findall(r"background:rgb\((\d+),(\d+),(\d+)\);color:(#\w+)", cells)
    assert len(found) == 202
    assert min(contrast(tuple(map(int, ground)), numbers(ink)) for *ground, ink in found) >= ENOUGH


def test_shares_stand_out_from_the_bars_of_all_classes() -> None:
    assert [c for c in CLASS_COLOURS if contrast(numbers(c), numbers(INK_OF_BARS)) < ENOUGH] == []
