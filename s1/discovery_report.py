"""The page of `--discover`: a scatter plot of all images, and pictures of every proposed domain."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from s1.domain_discovery import Discovery
from s1.image_features import spread, thumbnail
from s1.image_files import read_image
from s1.report_charts import legend, scatter_chart, table
from s1.report_figures import domain_colour
from s1.report_page import data_uri, html_page

CLEAR_SILHOUETTE = 0.25
"""Below it groups overlap much (Kaufman and Rousseeuw 1990: no substantial structure)."""


def build_page(found: Discovery, images: Mapping[str, Path], agrees: float | None) -> str:
    """Return the page; it references no other file.

    Parameters:
        agrees: adjusted Rand index with the declared domains, None if there are none.
    """
    domains = found.domain_map.domains
    cards = (_card(index, name, cases, images) for index, (name, cases) in enumerate(domains.items()))
    sections = [
        f"<h1>Proposed domains</h1><p class='lead'>{len(domains)} domains, {len(images)} images. Images are grouped by "
        "stain, colour and sharpness alone. This is a proposal: check it, name the domains, then save "
        "domains_proposed.json as domains.json.</p>",
        f"<p class='note'>{escape(_verdict(found, agrees))}</p>",
        _scatter(found),
        f"<h2>The domains</h2>{''.join(cards)}",
        _numbers_tried(found),
    ]
    return html_page("Proposed domains", sections)


def _verdict(found: Discovery, agrees: float | None) -> str:
    parts = ["There is only one group, so there is no silhouette score."]
    if found.silhouette is not None:
        clear = "clear" if found.silhouette >= CLEAR_SILHOUETTE else "not clear: look closely"
        parts = [f"Silhouette score {found.silhouette:.2f} (from -1 to 1): the groups are {clear}."]
    if agrees is not None:
        parts.append(f"Adjusted Rand index with the declared domains: {agrees:.2f} (1: equal, 0: as by chance).")
    return " ".join(parts)


def _scatter(found: Discovery) -> str:
    names = found.domain_map.names
    points = [(*found.positions[c], names.index(found.domain_map.domain_of(c)), c) for c in found.positions]
    key = legend([(domain_colour(index), name) for index, name in enumerate(names)])
    return f"<h2>All images</h2><p>Images that look alike lie close together.</p>{key}{scatter_chart(points)}"


def _card(index: int, name: str, cases: tuple[str, ...], images: Mapping[str, Path]) -> str:
    shown = [cases[place] for place in sorted(spread(len(cases)))]
    pictures = "".join(
        f"<img alt='{escape(case)}' title='{escape(case)}' "
        f"src='{data_uri(thumbnail(read_image(images[case])), 'jpeg')}'>"
        for case in shown
    )
    return (
        f"<div class='card'><h3><i style='background:{domain_colour(index)}'></i>{escape(name)} "
        f"<span class='small'>{len(cases)} images</span></h3><div class='thumbs'>{pictures}</div></div>"
    )


def _numbers_tried(found: Discovery) -> str:
    if len(found.bic) == 1:
        return ""
    rows = [[str(number), f"{value:.0f}"] for number, value in found.bic.items()]
    return (
        "<h2>Number of domains</h2><p>The number with the lowest Bayesian information criterion (BIC) was taken; "
        f"--discover K sets another.</p>{table(['domains', 'BIC'], rows)}"
    )
