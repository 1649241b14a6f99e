"""Parts of the HTML page: charts as inline SVG and plain elements, all text escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from s1.report_figures import domain_colour

CLASS_COLOURS = ("#d8d8d8", "#d8688f", "#efb1c8", "#7fa3ca", "#8fbf8f", "#e0c060", "#9a7fc0", "#70a5a5")


_DARK_FROM = 0.66
"""Strength of the colour of a cell at which black and white have the same contrast to it, 4.6."""


def class_colour(index: int) -> str:
    """Return the colour of the class with this index."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def class_bar(shares: Mapping[int, float], labels: Sequence[int], names: Mapping[int, str]) -> str:
    """Return one bar divided by the share of each class; `labels` fixes order and colours for all domains."""
    parts = []
    for index, label in enumerate(labels):
        share = shares.get(label, 0.0)
        title = f"{names.get(label, f'label {label}')}: {share:.1%}"
        text = f"{share:.0%}" if share >= 0.08 else ""
        style = f"width:{100 * share:.2f}%;background:{class_colour(index)}"
        parts.append(f'<span style="{style}" title="{escape(title)}">{text}</span>')
    return f'<div class="classbar">{"".join(parts)}</div>'


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Return a legend from pairs of (colour, name)."""
    items = (f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for colour, name in entries)
    return f'<p class="legend">{"".join(items)}</p>'


def histogram_chart(shares_by_domain: Sequence[Sequence[float]], low: str, high: str, title: str) -> str:
    """Return an SVG with one outline per domain, drawn over each other.

    Parameters:
        shares_by_domain: the bins of each domain, summing to 1.
        low, high: labels of the two ends of the axis.
    """
    width, height, base = 320, 150, 128
    top = max((max(bins) for bins in shares_by_domain), default=0.0) or 1.0
    paths = []
    for index, bins in enumerate(shares_by_domain):
        step = width / max(1, len(bins) - 1)
        points = " ".join(f"{i * step:.1f},{base - 118 * share / top:.1f}" for i, share in enumerate(bins))
        colour = domain_colour(index)
        paths.append(
            f'<polygon points="0,{base} {points} {width},{base}" fill="{colour}" fill-opacity="0.10"/>'
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(paths)}<line x1="0" y1="{base}" x2="{width}" y2="{base}" class="axis"/>'
        f'<text x="0" y="{height - 6}">{escape(low)}</text>'
        f'<text x="{width}" y="{height - 6}" text-anchor="end">{escape(high)}</text></svg></figure>'
    )


def scatter_chart(points: Sequence[tuple[float, float, int, str]]) -> str:
    """Return an SVG of points (x, y, index of the domain, name); pointing at one shows its name."""
    width, height, margin = 640, 420, 14
    across = _scaled([x for x, _, _, _ in points], width - 2 * margin)
    up = _scaled([y for _, y, _, _ in points], height - 2 * margin)
    dots = [
        f'<circle cx="{margin + x:.1f}" cy="{height - margin - y:.1f}" r="5" fill="{domain_colour(index)}" '
        f'fill-opacity="0.7"><title>{escape(name)}</title></circle>'
        for x, y, (_, _, index, name) in zip(across, up, points, strict=True)
    ]
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="all images">{"".join(dots)}</svg>'


def _scaled(values: Sequence[float], length: float) -> list[float]:
    """Return the values on a scale from 0 to `length`."""
    low, extent = min(values), max(values) - min(values)
    return [(value - low) * length / (extent or 1.0) for value in values]


def heat_map(names: Sequence[str], distances: Mapping[tuple[str, str], float]) -> str:
    """Return a table N x N of distances 0..1 between domains, coloured from pale to strong."""
    header = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for a in names:
        cells = "".join(_heat_cell(a, b, distances.get((a, b), distances.get((b, a), 0.0))) for b in names)
        rows.append(f"<tr><th>{escape(a)}</th>{cells}</tr>")
    return f'<table class="heat"><tr><th></th>{header}</tr>{"".join(rows)}</table>'


def _heat_cell(a: str, b: str, distance: float) -> str:
    if a == b:
        return '<td class="self">&ndash;</td>'
    strength = min(1.0, max(0.0, distance))
    red, green, blue = (round(pale + (strong - pale) * strength) for pale, strong in ((247, 130), (244, 20), (238, 60)))
    ink = "#fff" if strength > _DARK_FROM else "#000"
    style = f"background:rgb({red},{green},{blue});color:{ink}"
    return f'<td style="{style}" title="{escape(a)} and {escape(b)}">{100 * distance:.0f}</td>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; cells are HTML already, the header is text."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def ratio_bar(ratio: float, uniform: float, colour: str) -> str:
    """Return a bar of the ratio on a scale up to twice the uniform ratio, with a mark at the uniform ratio."""
    width = 50 * ratio / uniform
    return f'<div class="ratio"><span style="width:{min(100.0, width):.2f}%;background:{colour}"></span><b></b></div>'
