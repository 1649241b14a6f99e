"""A slide without the levels of which a cut file has lost most: finer ones show the same, and are whole more often."""

from collections.abc import Sequence
from dataclasses import replace

from nnunetv2.pathology.slides.geometry import Box, Level
from nnunetv2.pathology.slides.slide_reader import Pixels, SlideReader, Valid
from nnunetv2.pathology.slides.tiff_directory import TiffDirectory


def with_present_levels(reader: SlideReader, directory: TiffDirectory | None) -> SlideReader:
    """Return a reader without the levels that lie mostly beyond the end of its file; level 0 stays."""
    lost = () if directory is None else directory.lost_copies()
    kept = [level for level in reader.levels if level.index == 0 or (level.width, level.height) not in lost]
    return PresentLevels(reader, kept) if len(kept) < len(reader.levels) else reader


class PresentLevels:
    """Some levels of a reader, numbered anew."""

    def __init__(self, reader: SlideReader, kept: Sequence[Level]):
        self._reader = reader
        self._indices = [level.index for level in kept]
        self.name, self.origin, self.properties = reader.name, reader.origin, reader.properties
        self.levels = tuple(replace(level, index=index) for index, level in enumerate(kept))
        lost = [f"{level.width} x {level.height}" for level in reader.levels if level not in kept]
        self.warnings = (
            *reader.warnings,
            f"levels that are not used, as they lie mostly beyond the end of the file: {', '.join(lost)}",
        )

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return the pixels of a box, as the reader does."""
        return self._reader.read(self._indices[level], box)

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile, as the reader does."""
        return self._reader.icc_profile()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
