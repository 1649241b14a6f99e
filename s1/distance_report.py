"""The section of the page of stage 1 on distances between domains: the published score, then those of the images."""

from html import escape

from s1.domain_shift import relative_distance
from s1.prism_result import COLOUR, CONTRAST, STAINS, TEXTURE, PairResult, Pairs, PrismResult
from s1.report_charts import heat_map, table
from s1.report_figures import FEATURE_TITLES

DISTANCE_TITLES = {
    COLOUR: "colour (optical density)",
    STAINS: "stain vectors and amounts",
    TEXTURE: "texture",
    CONTRAST: "form of the histogram after z-scores",
}
EVIDENCE = (
    "In our measurements the form of the histogram after z-scores was the best sign of how much a model loses from one "
    "domain to another, though not by a certain lead over the colour histogram (docs/ablation.md)."
)


def distance_section(result: PrismResult) -> str:
    """Return the section as HTML, empty for a single domain."""
    if not result.pairs:
        return ""
    distances = {(pair.a, pair.b): relative_distance(pair.outcome.total_difference) for pair in result.pairs}
    header = ["pair", "shift", "confidence", "total difference", "differs most in"]
    rows = [
        [
            f"{escape(pair.a)} / {escape(pair.b)}",
            f"{pair.outcome.shift:+.4f}",
            f"{pair.outcome.confidence:.2f}",
            f"{pair.outcome.total_difference:.3f}",
            _strongest_feature(pair),
        ]
        for pair in result.pairs
    ]
    return (
        "<h2>Distances between domains</h2><p>0: no difference in class shares, brightness, spread and contrast; "
        f"100: the largest difference possible.</p><div class='scroll'>{heat_map(list(result.domains), distances)}"
        "</div><p>A shift above 0 means that the first of the pair is drawn a little more often than the second.</p>"
        f"{table(header, rows)}{_image_distances(result)}"
    )


def _strongest_feature(pair: PairResult) -> str:
    magnitudes = pair.outcome.magnitudes
    feature = max(magnitudes, key=lambda name: magnitudes[name])
    return FEATURE_TITLES[feature] if magnitudes[feature] > 0 else "nothing"


def _image_distances(result: PrismResult) -> str:
    """Return one matrix a distance, relative to its largest pair, and a table of all values."""
    if not result.distances:
        return ""
    titles = {name: DISTANCE_TITLES.get(name, name) for name in result.distances}
    maps = "".join(
        f"<figure><figcaption>{escape(titles[name])}</figcaption><div class='scroll'>"
        f"{heat_map(list(result.domains), _relative(pairs))}</div></figure>"
        for name, pairs in result.distances.items()
    )
    rows = [
        [
            f"{escape(pair.a)} / {escape(pair.b)}",
            *(_value(pairs, pair) for pairs in result.distances.values()),
        ]
        for pair in result.pairs
    ]
    values = table(["pair", *titles.values()], rows)
    return (
        "<h3>From the images alone</h3><p>These use no masks and change no ratio. 100: the largest among these pairs; "
        f"the table has the values. {escape(EVIDENCE)}</p><div class='charts'>{maps}</div>{values}"
    )


def _relative(pairs: Pairs) -> Pairs:
    largest = max(pairs.values(), default=0.0) or 1.0
    return {pair: value / largest for pair, value in pairs.items()}


def _value(pairs: Pairs, pair: PairResult) -> str:
    value = pairs.get((pair.a, pair.b))
    return "&ndash;" if value is None else f"{value:.3f}"
