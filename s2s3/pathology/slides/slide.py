"""One open slide, and the choice of the library that reads it."""

import os
from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from nnunetv2.errors import DriftError, SettingsError, SlideError, SlideTooCoarseError
from nnunetv2.pathology.slides.colour_profile import NONE, UNCHANGED, Colours, colours_of
from nnunetv2.pathology.slides.geometry import Box, Level, PixelSize, view_grid
from nnunetv2.pathology.slides.pixel_size import missing_pixel_size, slide_pixel_size
from nnunetv2.pathology.slides.reader_choice import open_reader
from nnunetv2.pathology.slides.slide_reader import PathLike, Pixels, SlideReader, Valid
from nnunetv2.pathology.slides.view import SlideView, finest_grid, padded, thumbnail_grid
from nnunetv2.pathology.slides.watched_reader import WatchedReader, within

LEAST_FACTOR = 0.5
"""Enlarging more than twice is refused unless it is asked for."""


class Slide:
    """One open slide in the frame of its scanned area. A context manager; other processes open their own.

    Attributes:
        path: as given.
        size: width and height of the finest level.
        levels: the pyramid, finest first.
        origin: corner (x, y) of the scanned area in the file's finest level.
        colours: what becomes of the colours of the file.
        pixel_size: micrometres per pixel and who states it; None if nobody does.
        properties: what the file says about itself.
        warnings: one line for each thing that is unusual, without the path.
    """

    def __init__(
        self,
        path: PathLike,
        reader: SlideReader,
        mpp: float | None = None,
        warnings: Sequence[str] = (),
        colours: Colours = UNCHANGED,
    ):
        self.path = os.fspath(path)
        self.reader, self.colours = reader, colours
        self.levels: tuple[Level, ...] = tuple(reader.levels)
        self.size = self.levels[0].width, self.levels[0].height
        self.origin = reader.origin
        self.properties: Mapping[str, str] = reader.properties
        self.pixel_size, doubts = slide_pixel_size(path, reader.properties, mpp)
        self.warnings: tuple[str, ...] = (*warnings, *reader.warnings, *doubts)

    @property
    def vendor(self) -> str:
        """The format of the file as OpenSlide names it."""
        return self.properties.get("openslide.vendor", "")

    @property
    def states_bounds(self) -> bool:
        """Whether the file says which part of it was scanned, in which gaps are no damage."""
        return any(name.startswith("openslide.bounds-") for name in self.properties)

    @property
    def mpp(self) -> PixelSize:
        """Micrometres per pixel of the finest level. Raises MissingPixelSizeError if nobody states it."""
        if self.pixel_size is None:
            raise missing_pixel_size(self.path)
        return self.pixel_size

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return the pixels (h, w, 3) of a box of a level and which of them exist; the others are white.

        What lies outside the level is white, too. Raises UnreadableSlideError.
        """
        inside = box.within(self.levels[level].width, self.levels[level].height)
        if inside == box and box.width and box.height:
            return self._read(level, box)
        return padded(self._read(level, inside) if inside.width and inside.height else None, inside, box)

    def view(self, mpp: float, allow_upsampling: bool = False) -> SlideView:
        """Return the slide at `mpp` micrometres per pixel.

        Raises MissingPixelSizeError, SlideTooCoarseError if it would be enlarged more than twice, and SettingsError for
        what is no size.
        """
        if not (isfinite(mpp) and mpp > 0):
            raise SettingsError(f"a view at mpp={mpp}: expected micrometres per pixel above 0")
        grid = view_grid(self.levels, self.mpp, mpp)
        factor = min(grid.factor_x, grid.factor_y)
        if factor < LEAST_FACTOR and not allow_upsampling:
            raise SlideTooCoarseError(
                f"{self.path}: pixel size {_number(self.mpp.mean)} um is coarser than the model's {_number(mpp)} um;"
                f" enlarging {1 / factor:.3g} times would invent detail. Use --allow_upsampling to do it anyway"
            )
        return SlideView(self.levels, self.read, grid, self.mpp)

    def finest_view(self) -> SlideView:
        """Return the finest level as a view, also of a slide of unknown pixel size."""
        return SlideView(self.levels, self.read, finest_grid(self.levels), self.pixel_size)

    def thumbnail(self, largest_px: int = 2048) -> Pixels:
        """Return the whole slide, at most `largest_px` pixels wide and high. Raises UnreadableSlideError."""
        if largest_px < 1:
            raise SettingsError(f"a thumbnail of largest_px={largest_px}: expected 1 or more pixels")
        grid = thumbnail_grid(self.levels, largest_px)
        return SlideView(self.levels, self.read, grid).read(0, 0, grid.width, grid.height)[0]

    def close(self) -> None:
        """Close the file."""
        self.reader.close()

    def __enter__(self) -> "Slide":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., "Slide"], tuple[object, ...]]:
        raise TypeError(f"{self.path}: an open slide cannot be sent to another process; open it there by its path")

    def _read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        try:
            pixels, valid = self.reader.read(level, box)
            return self.colours.converted(pixels, valid), valid
        except SlideError as error:
            raise type(error)(f"{self.path}: {error}") from None


def open_slide(
    path: PathLike,
    reader: str = "auto",
    mpp: float | None = None,
    timeout_s: float | None = None,
    icc: str = NONE,
) -> Slide:
    """Open a whole slide: any format of OpenSlide, TIFF, DICOM (one file of a series, or its folder) or a picture.

    Parameters:
        reader: `auto`, or the name of the library: `openslide`, `tifffile`, `wsidicom` or `pillow`.
        mpp: micrometres per pixel of the finest level, instead of what the file states.
        timeout_s: how long opening it, and each read, may take; None: any time.
        icc: `none` leaves colours as they are stored, `srgb` converts them by the profile in the file.

    Raises UnreadableSlideError if no library opens it, SlideError for other images than 8-bit RGB, and for a colour
    profile that is needed and damaged.
    """
    opened, warnings = _opened(path, reader, timeout_s)
    try:
        colours, doubts = _colours(path, opened, icc)
        return Slide(path, opened, mpp, [*warnings, *doubts], colours)
    except DriftError:
        opened.close()
        raise


def _opened(path: PathLike, reader: str, timeout_s: float | None) -> tuple[SlideReader, list[str]]:
    opened, warnings = within(timeout_s, f"{os.fspath(path)}: opening it", lambda: open_reader(path, reader))
    if timeout_s is None:
        return opened, warnings
    return WatchedReader(opened, lambda: open_reader(path, reader)[0], timeout_s), warnings


def _colours(path: PathLike, reader: SlideReader, icc: str) -> tuple[Colours, list[str]]:
    try:
        return colours_of(reader, icc)
    except SlideError as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None


def _number(size_um: float) -> str:
    return str(round(float(size_um), 4))
