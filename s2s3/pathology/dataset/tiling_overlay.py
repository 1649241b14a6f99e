"""A picture of a slide with its tissue, annotations and tiles, to see at a glance whether they fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from nnunetv2.overlays.legend import add_legend
from nnunetv2.overlays.rendering import Rgb, colour_of, generate_overlay
from nnunetv2.pathology.dataset.class_labels import ClassLabels
from nnunetv2.pathology.dataset.slide_labels import SlideLabels
from nnunetv2.pathology.slides.geometry import Box, ViewGrid
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.thumbnail import readable_thumbnail
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from s1.files import replacing

_TISSUE: Rgb = (110, 110, 110)
_REGION: Rgb = (0, 0, 0)
_TILE: Rgb = (0, 200, 255)
_PIXELS_PER_LINE = 700
PNG_LEVEL = 3
"""Of 9: photographs of tissue become hardly smaller with more, which takes twice the time."""


@dataclass(frozen=True)
class TilingOverlay:
    """Draws one slide."""

    slide: Slide
    grid: ViewGrid
    tissue: TissueMask
    classes: ClassLabels

    def write(self, tiles: Sequence[Box], labels: SlideLabels, target: Path) -> None:
        """Write the slide with its labels in colour, and the outlines of tissue, regions and tiles, as PNG."""
        from PIL import Image

        thumbnail = readable_thumbnail(self.slide)
        height, width = thumbnail.shape[:2]
        shown = np.maximum(labels.picture(height, width), 0)
        colours = {value: value for value in self.classes.foreground.values()}
        picture = Image.fromarray(generate_overlay(thumbnail, shown, mapping=colours))
        self._draw_outlines(picture, tiles, labels)
        present = set(np.unique(shown).tolist())
        legend = [(name, colour_of(value)) for name, value in self.classes.foreground.items() if value in present]
        legend += [(f"{self.classes.roi} (region)", _REGION)] if labels.regions else []
        with replacing(target) as temporary:
            complete = add_legend(np.asarray(picture), [*legend, ("tissue", _TISSUE), ("tiles", _TILE)])
            Image.fromarray(complete).save(temporary, format="PNG", compress_level=PNG_LEVEL)

    def _draw_outlines(self, picture: Any, tiles: Sequence[Box], labels: SlideLabels) -> None:
        from PIL import ImageDraw

        draw = ImageDraw.Draw(picture)
        scale = picture.width / self.slide.size[0], picture.height / self.slide.size[1]
        line = max(1, max(picture.size) // _PIXELS_PER_LINE)
        shapes: list[tuple[Any, Rgb, int]] = [(polygon, _TISSUE, line) for polygon in self.tissue.polygons()]
        shapes += [(area, _REGION, 3 * line) for area in labels.regions]
        shapes += [(self._on_slide(box), _TILE, line) for box in tiles]
        for shape, colour, width in shapes:
            for ring in shapely.get_rings(shapely.get_parts(shape)):
                points = shapely.get_coordinates(ring) * scale
                draw.line([tuple(point) for point in points.tolist()], fill=colour, width=width)

    def _on_slide(self, box: Box) -> shapely.Polygon:
        x, y = self.grid.scale_x, self.grid.scale_y
        return shapely.box(box.x * x, box.y * y, box.right * x - 1, box.bottom * y - 1)
