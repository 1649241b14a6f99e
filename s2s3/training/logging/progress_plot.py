"""progress.png: the curves of a run, redrawn after each epoch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.freed_memory import returning_large_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, Sequence[Any]]
EDGE_INCHES = (30, 18)
DOTS_PER_INCH = 100
FONT_SIZE = 25
LEGEND_COLUMNS = 6
FAST = {"compress_level": 1, "compress_type": 3}
"""Runs of equal bytes only: pictures of lines hardly get larger, and are packed in a fraction of the time."""
EMPHASIZED_CURVES = {"balanced": ("black", "-", 5), "worst domain": ("black", ":", 5)}


def draw_progress(logged: Curves, extra: Mapping[str, Curves], target: Path) -> None:
    """Draw losses and Dice, epoch durations and learning rates, and below them the extra Dice curves if there are any.

    Parameters:
        logged: the lists of LocalLogger; drawn up to the end of the shortest non-empty one.
        extra: further curves by group; "losses" are drawn with the losses, "dice" in a panel of their own.
        target: PNG, 3000 pixels wide, 1800 high for each panel.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    epochs = min((len(values) for values in logged.values() if len(values)), default=0)
    panels = 4 if extra.get("dice") else 3
    figure = Figure((EDGE_INCHES[0], EDGE_INCHES[1] * panels), dpi=DOTS_PER_INCH)
    axes = figure.subplots(panels)
    _draw_losses(axes[0], logged, extra.get("losses", {}), epochs)
    _draw_durations(axes[1], logged, epochs)
    _curve(axes[2], logged["lrs"], epochs, "learning rate", color="tab:green")
    if panels == 4:
        _draw_domains(axes[3], extra["dice"], epochs)
    for axis, name in zip(axes, ("loss", "seconds", "learning rate", "pseudo dice"), strict=False):
        axis.set_xlabel("epoch", fontsize=FONT_SIZE)
        _label(axis, name, (0, 1), LEGEND_COLUMNS)
        axis.grid(alpha=0.3)
    figure.subplots_adjust(**_margins(axes))
    make_canvas: Any = FigureCanvasAgg
    canvas = make_canvas(figure)
    with replacing(target) as temporary, returning_large_arrays():
        canvas.print_png(temporary, pil_kwargs=FAST)
        vars(canvas.get_renderer()).clear()  # its picture takes 86 MB, and cycles would keep it for several epochs


def _label(axis: "Axes", name: str, place: tuple[float, float], columns: int) -> None:
    axis.set_ylabel(name, fontsize=FONT_SIZE)
    axis.tick_params(labelsize=FONT_SIZE)
    axis.yaxis.get_offset_text().set_fontsize(FONT_SIZE)
    axis.legend(loc=place, ncols=columns, fontsize=FONT_SIZE)


def _margins(axes: Sequence["Axes"]) -> dict[str, float]:
    """Return what `subplots_adjust` needs for labels, and legends of any number of rows above the panels."""
    rows = max(-(-len(axis.get_lines()) // LEGEND_COLUMNS) for axis in axes)
    above, below = 0.4 + 0.5 * rows, 1.2
    height = EDGE_INCHES[1] * len(axes)
    panel = (height - (above + below) * len(axes)) / len(axes)
    return {
        "left": 0.07,
        "right": 0.945,
        "top": 1 - above / height,
        "bottom": below / height,
        "hspace": (above + below) / panel,
    }


def _draw_losses(axis: "Axes", logged: Curves, extra: Curves, epochs: int) -> None:
    _curve(axis, logged["train_losses"], epochs, "train loss", color="tab:blue")
    _curve(axis, logged["val_losses"], epochs, "val loss", color="tab:red")
    for name, values in extra.items():
        _curve(axis, values, epochs, name, linestyle="--")
    dice = axis.twinx()
    _curve(dice, logged["mean_fg_dice"], epochs, "pseudo dice", color="tab:green", linestyle=":")
    _curve(dice, logged["ema_fg_dice"], epochs, "pseudo dice (moving average)", color="tab:green")
    _label(dice, "dice", (0.6, 1), 2)


def _draw_durations(axis: "Axes", logged: Curves, epochs: int) -> None:
    pairs = zip(logged["epoch_start_timestamps"], logged["epoch_end_timestamps"], strict=False)
    _curve(axis, [end - start for start, end in pairs], epochs, "epoch duration", color="tab:blue")
    axis.set_ylim(bottom=0)


def _draw_domains(axis: "Axes", curves: Curves, epochs: int) -> None:
    for name, values in curves.items():
        color, linestyle, width = EMPHASIZED_CURVES.get(name, (None, "-", 2.5))
        _curve(axis, values, epochs, name, color=color, linestyle=linestyle, linewidth=width)


def _curve(axis: "Axes", values: Sequence[float], epochs: int, label: str, **style: Any) -> None:
    drawn = list(values[:epochs])
    axis.plot(range(len(drawn)), drawn, label=label, **{"linewidth": 4, **style})
