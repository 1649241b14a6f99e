"""The two figures of stage 1, drawn from the result alone."""

import io
from collections.abc import Sequence
from typing import Any

from s1.domain_shift import CATEGORY, CONTRAST, FEATURE_WEIGHTS, MEAN, STD
from s1.prism_result import PairResult, PrismResult

FEATURE_TITLES = {CATEGORY: "class shares", MEAN: "brightness", STD: "spread of grey", CONTRAST: "GLCM contrast"}
DOMAIN_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#555555")
_BAR = "#5b7fa6"
_POINT = "#1f3550"
_MOST_PAIR_NAMES = 15


def domain_colour(index: int) -> str:
    """Return the colour of the domain with this index."""
    return DOMAIN_COLOURS[index % len(DOMAIN_COLOURS)]


def feature_importance_figure(result: PrismResult) -> bytes:
    """Return a PNG file: the importance of each feature, as the mean over the pairs and one point per pair."""
    figure, axes = _figure(7.0, 3.6, 1, 1)
    _draw_features(axes[0], result.pairs, "importance")
    axes[0].set_title("Importance of each feature")
    return _as_png(figure)


def combined_analysis_figure(result: PrismResult) -> bytes:
    """Return a PNG file of four charts: ratios, importance, confidence, magnitudes."""
    figure, axes = _figure(12.0, 8.0, 2, 2)
    _draw_ratios(axes[0], result)
    for place, quantity, title in ((1, "importance", "Importance"), (3, "magnitudes", "Scaled magnitude")):
        _draw_features(axes[place], result.pairs, quantity)
        axes[place].set_title(f"{title} of each feature")
    _draw_confidence(axes[2], result.pairs)
    return _as_png(figure)


def _figure(width: float, height: float, rows: int, columns: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    # Fixed margins: measuring all texts for a layout would take as long as drawing the figure.
    figure = Figure(figsize=(width, height), dpi=100)
    across, down = 0.8 / width, 0.85 / height
    figure.subplots_adjust(across, down, 1 - across / 3, 1 - down / 2.4, wspace=0.6 / columns, hspace=1.1 / rows)
    axes = [axes for row in figure.subplots(rows, columns, squeeze=False) for axes in row]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _as_png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_ratios(axis: Any, result: PrismResult) -> None:
    names = [_shortened(name) for name in result.ratios]
    places = range(len(names))
    bars = axis.bar(places, list(result.ratios.values()), color=[domain_colour(i) for i in places])
    axis.set_xticks(places, names)
    axis.bar_label(bars, fmt="%.3f", padding=2, fontsize=9)
    axis.axhline(1 / len(names), color="#555555", linestyle="--", linewidth=1, label=f"uniform, {1 / len(names):.3f}")
    axis.set_ylim(0, 1.3 * max(result.ratios.values()))
    axis.legend(frameon=False, fontsize=9)
    axis.set_title("Mixing ratios")
    _slant(axis, names)


def _draw_features(axis: Any, pairs: Sequence[PairResult], quantity: str) -> None:
    if not pairs:
        _say_nothing_to_compare(axis)
        return
    by_pair = [getattr(pair.outcome, quantity) for pair in pairs]
    used = [feature for feature in FEATURE_WEIGHTS if feature in by_pair[0]]
    means = [sum(values[feature] for values in by_pair) / len(by_pair) for feature in used]
    places = range(len(used))
    axis.bar(places, means, color=_BAR, width=0.6)
    axis.set_xticks(places, [f"{FEATURE_TITLES[f]}\n{mean:.3f}" for f, mean in zip(used, means, strict=True)])
    if len(pairs) > 1:
        for place, feature in zip(places, used, strict=True):
            axis.scatter([place] * len(pairs), [v[feature] for v in by_pair], s=14, color=_POINT, alpha=0.7, zorder=3)
        axis.set_xlabel("bar and number: mean over pairs of domains; point: one pair", fontsize=9)
    axis.set_ylim(0, 1.15 * max([*(v for values in by_pair for v in values.values()), 0.05]))


def _draw_confidence(axis: Any, pairs: Sequence[PairResult]) -> None:
    axis.set_title("Confidence of each pair")
    if not pairs:
        _say_nothing_to_compare(axis)
        return
    axis.barh(range(len(pairs)), [pair.outcome.confidence for pair in pairs], color=_BAR, height=0.7)
    axis.set_xlim(0, 1.02)
    axis.invert_yaxis()
    axis.set_yticks([])
    if len(pairs) > _MOST_PAIR_NAMES:
        axis.set_xlabel("pairs in the order of prism_dd.json", fontsize=9)
        return
    for place, pair in enumerate(pairs):
        name = f"{_shortened(pair.a)} / {_shortened(pair.b)}  {pair.outcome.confidence:.2f}"
        axis.text(0.01, place, name, color="white", va="center", fontsize=9)


def _shortened(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}\u2026"


def _slant(axis: Any, names: Sequence[str]) -> None:
    if sum(map(len, names)) > 60:
        axis.set_xticks(range(len(names)), names, rotation=20, ha="right")


def _say_nothing_to_compare(axis: Any) -> None:
    axis.set_axis_off()
    axis.text(0.5, 0.5, "one domain: nothing to compare", ha="center", va="center", transform=axis.transAxes)
