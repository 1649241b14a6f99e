"""The figures of a report as PNG: training curves, and scores with their intervals.

Every line has its own colour and stroke, for colour-blind readers and black-and-white prints.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnunetv2.reporting.evaluation_results import Results, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A5195", "#8C8C00")
STROKES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
_DPI = 130
_LONGEST_RAW_CURVE = 60


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, size in inches, without a window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def as_png(figure: "Figure") -> bytes:
    """Return a figure as the bytes of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(stream, dpi=_DPI, format="png", facecolor="white")
    return stream.getvalue()


def curves_figure(curves: Mapping[str, Any]) -> bytes:
    """Return the losses (left) and the Dice of each domain (right) over the epochs, from training_curves.json."""
    figure = new_figure(10.5, 3.9)
    losses, dice = figure.subplots(1, 2)
    _draw(losses, {"training": curves["train_losses"], "validation": curves["val_losses"]})
    _finish(losses, "Loss (lower is better)")
    by_domain = {name: domain["dice"] for name, domain in curves.get("domains", {}).items()}
    _draw(dice, by_domain or {"all cases": curves["mean_fg_dice"]})
    if by_domain:
        _draw_one(dice, "balanced over domains", curves["balanced_dice"], color="black", linewidth=2.6)
    dice.set_ylim(None, 1.0)
    _finish(dice, "Dice on validation patches (higher is better)")
    return as_png(figure)


def scores_figure(results: Results, class_names: Mapping[str, str]) -> bytes:
    """Return Dice with its interval, one row per domain and one panel per class; the first panel is for all classes."""
    columns = ["all structures"] + [class_names[key] for key in results.classes] * (len(results.classes) > 1)
    rows = len(results.domains)
    figure = new_figure(min(10.5, 2.2 + 2.4 * len(columns)), 1.3 + 0.36 * rows)
    panels = figure.subplots(1, len(columns), sharex=True, sharey=True, squeeze=False)[0]
    for panel, title, scores in zip(panels, columns, _scores_by_panel(results), strict=False):
        for row, score in enumerate(scores):
            _draw_score(panel, row, score)
        panel.set_title(title, fontsize=10)
        panel.grid(axis="x", color="#dddddd")
        panel.set_xlabel("Dice", fontsize=9)
        panel.tick_params(labelsize=9)
    panels[0].set_yticks(range(rows), results.domains)
    panels[0].set_ylim(rows - 0.5, -0.5)
    panels[0].set_xlim(None, 1.005)
    return as_png(figure)


def _scores_by_panel(results: Results) -> Iterator[list[Score]]:
    yield [results.foreground[domain]["Dice"] for domain in results.domains]
    for key in results.classes:
        yield [results.by_class[domain][key]["Dice"] for domain in results.domains]


def _draw_score(panel: "Axes", row: int, score: Score) -> None:
    if score.mean is None:
        return
    if score.low is not None and score.high is not None:
        panel.plot([score.low, score.high], [row, row], color="#555555", linewidth=2, solid_capstyle="butt")
    panel.plot(
        [score.mean], [row], marker="o", color=COLOURS[row % len(COLOURS)], markersize=8, markeredgecolor="black"
    )


def _draw(axes: "Axes", curves: Mapping[str, Sequence[float | None]]) -> None:
    for number, (name, values) in enumerate(curves.items()):
        stroke = STROKES[(number // len(COLOURS) + number) % len(STROKES)]
        _draw_one(axes, name, values, color=COLOURS[number % len(COLOURS)], linestyle=stroke)


def _draw_one(axes: "Axes", name: str, values: Sequence[float | None], **style: Any) -> None:
    numbers = [float("nan") if value is None else value for value in values]
    if any(number == number for number in numbers):
        marker = "o" if len(numbers) < 3 else None
        axes.plot(range(1, len(numbers) + 1), _smooth(numbers), label=name, marker=marker, **style)


def _smooth(values: Sequence[float]) -> list[float]:
    """Return the running mean over a fiftieth of a long curve; short curves stay unchanged, NaN is left out."""
    reach = len(values) // 100 if len(values) > _LONGEST_RAW_CURVE else 0
    smooth = []
    for index in range(len(values)):
        window = [value for value in values[max(0, index - reach) : index + reach + 1] if value == value]
        smooth.append(sum(window) / len(window) if window else float("nan"))
    return smooth


def _finish(axes: "Axes", title: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("Epoch", fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(color="#e3e3e3")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8.5, frameon=False, handlelength=3.2)
