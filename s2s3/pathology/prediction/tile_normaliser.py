"""By which pixels a tile is normalised: by the statistics of the slide, or by those of a window around the tile.

A window is as large as a training image, which was normalised by its own statistics: so it is closest to training, but
the same tissue looks a little different to the network in neighbouring tiles. A window that is almost empty would turn
the noise of glass into colours as strong as those of tissue; it takes the statistics of the slide.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics, Pixels, SlideNormalisation, Tile
from nnunetv2.pathology.prediction.slide_statistics import LARGEST_WINDOW_PX, pixel_statistics
from nnunetv2.pathology.slides.geometry import Box

LEAST_DEVIATION = 0.25
"""A window with a smaller deviation than this share of the slide's, mean of the channels, counts as almost empty."""
ReadView = Callable[[Box], Pixels]


@dataclass(frozen=True)
class TileNormaliser:
    """Turns tiles of a view into what the network was trained on.

    Parameters:
        width, height: of the view, as all lengths in its pixels.
        statistics: of the slide; None if the normalisation needs none.
        window_px: edge of the window around each tile that gives the statistics; None: the slide does.
    """

    normalisation: SlideNormalisation
    width: int
    height: int
    statistics: ChannelStatistics | None
    window_px: int | None = None

    def window(self, tile: Box) -> Box:
        """Return the part of the view that a tile within it needs: the tile, or the window around it.

        A window is at least as large as the tile, at most 2048 pixels wide if that is smaller, and is moved inwards at
        the borders of the view.
        """
        if self.statistics is None or self.window_px is None:
            return tile
        x, width = _around(tile.x, tile.width, self.window_px, self.width)
        y, height = _around(tile.y, tile.height, self.window_px, self.height)
        return Box(x, y, width, height)

    def read(self, tile: Box, read_view: ReadView, out: Tile | None = None) -> Tile:
        """Return a tile within the view as the network's channels, float32 (3, h, w), in `out` if that is given."""
        window = self.window(tile)
        pixels = read_view(window)
        top, left = tile.y - window.y, tile.x - window.x
        cut = pixels[top : top + tile.height, left : left + tile.width]
        return self.normalisation.normalised(cut, self._statistics_for(pixels), out)

    def _statistics_for(self, pixels: Pixels) -> ChannelStatistics | None:
        if self.statistics is None or self.window_px is None:
            return self.statistics
        found = pixel_statistics(pixels)
        is_almost_empty = np.mean(found.std) < LEAST_DEVIATION * np.mean(self.statistics.std)
        return self.statistics if is_almost_empty else found


def _around(start: int, length: int, window: int, whole: int) -> tuple[int, int]:
    """Return start and length of a window around a tile, on one axis."""
    wanted = min(max(min(window, LARGEST_WINDOW_PX), length), whole)
    return min(max(start + length // 2 - wanted // 2, 0), whole - wanted), wanted
