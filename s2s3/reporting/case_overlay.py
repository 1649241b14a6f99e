"""Draw one case: its image, and the outlines of reference and prediction for each class."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnunetv2.reporting.case_files import Array, CasePicture
from nnunetv2.reporting.figures import as_png, new_figure
from nnunetv2.reporting.model_facts import labels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCE_COLOUR = "#FFD500"
PREDICTION_COLOUR = "#00E5FF"
_LONGEST_SIDE = 900
_PANELS_A_ROW = 3
_PANEL_INCHES = 3.5
_LINE_POINTS, _RIM_POINTS = 1.6, 2.8
_DASH_POINTS = (5.0, 4.0)


def overlay_figure(picture: CasePicture, titles: Mapping[str, str]) -> bytes:
    """Return a PNG with the image alone, followed by one panel per class.

    Reference outlines are solid yellow, predicted ones dashed light blue, both with a dark rim; where they agree,
    yellow shows between the dashes.

    Parameters:
        titles: class key as in summary.json -> title of its panel.
    """
    picture = _shrink(picture)
    count = 1 + len(titles)
    columns = min(count, _PANELS_A_ROW)
    rows = math.ceil(count / columns)
    height, width = picture.reference.shape
    panel_height = _PANEL_INCHES * min(1.6, max(0.4, height / width)) + 0.3
    figure = new_figure(_PANEL_INCHES * columns, panel_height * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels:
        panel.set_axis_off()
    _draw_panel(panels[0], picture.image, "image", [])
    for panel, (key, title) in zip(panels[1:], titles.items(), strict=False):
        labels = labels_of(key)
        outlines = [
            (np.isin(picture.reference, labels), REFERENCE_COLOUR, False),
            (np.isin(picture.prediction, labels), PREDICTION_COLOUR, True),
        ]
        _draw_panel(panel, picture.image, title, outlines)
    return as_png(figure)


def _draw_panel(panel: "Axes", image: Array, title: str, outlines: Sequence[tuple[Array, str, bool]]) -> None:
    panel.imshow(image, interpolation="antialiased")
    panel.set_title(title, fontsize=9)
    for mask, colour, dashed in outlines:
        if mask.any() and not mask.all():
            for width, ink in ((_RIM_POINTS, "black"), (_LINE_POINTS, colour)):
                stroke = [(0.0, tuple(part / width for part in _DASH_POINTS))] if dashed else "solid"
                panel.contour(mask, levels=[0.5], colors=ink, linewidths=width, linestyles=stroke)


def _shrink(picture: CasePicture) -> CasePicture:
    """Return a picture whose longer side fits the page; labels keep their values."""
    from PIL import Image

    height, width = picture.reference.shape
    factor = _LONGEST_SIDE / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    rows = np.minimum((np.arange(size[1]) + 0.5) / factor, height - 1).astype(int)
    columns = np.minimum((np.arange(size[0]) + 0.5) / factor, width - 1).astype(int)
    image = np.asarray(Image.fromarray(picture.image).resize(size, Image.Resampling.BOX))
    picked = np.ix_(rows, columns)
    return CasePicture(image, picture.reference[picked], picture.prediction[picked], picture.plane)
