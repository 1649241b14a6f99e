"""How slides are cut into training tiles: everything that decides their pixels and labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.annotations.annotation_set import FRAMES
from nnunetv2.pathology.annotations.asap_xml import HOLE_GROUPS
from nnunetv2.pathology.settings_dicts import settings_from_dict, settings_to_dict
from nnunetv2.pathology.slides.colour_profile import ICC, NONE
from nnunetv2.pathology.slides.pixel_size import LARGEST_UM, SMALLEST_UM, is_plausible
from nnunetv2.pathology.tissue.tissue_mask import STAINS

BACKGROUND, IGNORE, SKIP = "background", "ignore", "skip"
UNANNOTATED = (BACKGROUND, IGNORE, SKIP)
CHANNELS: Mapping[str, tuple[str, str, str]] = {"rgb": ("R", "G", "B"), "rgb01": ("rgb_to_0_1",) * 3}
"""Choice -> channel names of dataset.json, which decide how the tiles are normalised."""
AUTO = "auto"
_SMALLEST_TILE, _LARGEST_TILE = 16, 16384


@dataclass(frozen=True)
class TilingSettings:
    """Settings of a tiling; lengths in pixels of the tiles, shares from 0 to 1."""

    mpp: float
    """Micrometres per pixel of the tiles."""
    labels: Mapping[str, int] | None = None
    """Class -> label, in the order in which they are drawn; None: the classes found, alphabetically, from 1."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Class found -> class meant; an empty text leaves its areas out."""
    roi: str | None = None
    """Class of the regions in which everything is annotated."""
    unannotated: str | None = None
    """`background`, `ignore` or `skip` (no tile with such pixels); None: ignore with regions, else background."""
    tile: int = 1024
    stride: int | None = None
    """None: as the tile."""
    min_tissue: float = 0.1
    min_labelled: float = 0.01
    background_share: float = 0.25
    """Largest share of tiles without foreground among those of a slide."""
    max_tiles: int | None = None
    """Of each slide."""
    channels: str = "rgb"
    exclude: tuple[str, ...] = HOLE_GROUPS
    """Groups of ASAP that are cut out of all others."""
    frame: str = "content"
    """Of GeoJSON: the scanned area as QuPath shows it, or the whole `file`."""
    tissue: str = AUTO
    """`auto`, `none` for everything, or a file or folder of areas."""
    stain: str = "he"
    allow_upsampling: bool = False
    reader: str = "auto"
    icc: str = NONE
    """`srgb` converts the colours of slides by the profiles in their files."""
    seed: int = 0

    def __post_init__(self) -> None:
        problem = next(self._problems(), None)
        if problem:
            raise SettingsError(problem)

    @property
    def step(self) -> int:
        """Distance between tiles."""
        return self.tile if self.stride is None else self.stride

    @property
    def outside(self) -> str:
        """What pixels without annotation become."""
        return self.unannotated or (BACKGROUND if self.roi is None else IGNORE)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "TilingSettings":
        """Build from the output of `to_dict`. Raises ArgumentError for unknown keys and wrong types."""
        return settings_from_dict(cls, content, "a tiling")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**settings_to_dict(self), "stride": self.step, "unannotated": self.outside}

    def _problems(self) -> Iterator[str]:
        if not is_plausible(self.mpp):
            yield f"--mpp {self.mpp:g}: expected {SMALLEST_UM:g} to {LARGEST_UM:g} micrometres per pixel"
        if not _SMALLEST_TILE <= self.tile <= _LARGEST_TILE:
            yield f"--tile {self.tile}: expected {_SMALLEST_TILE} to {_LARGEST_TILE} pixels"
        if not 1 <= self.step <= _LARGEST_TILE:
            yield f"--stride {self.step}: expected 1 to {_LARGEST_TILE} pixels"
        if self.max_tiles is not None and self.max_tiles < 1:
            yield f"--max_tiles {self.max_tiles}: expected 1 or more"
        for name in ("min_tissue", "min_labelled", "background_share"):
            if not 0 <= getattr(self, name) <= 1:
                yield f"--{name} {getattr(self, name):g}: expected a share from 0 to 1"
        choices = {"outside": UNANNOTATED, "channels": tuple(CHANNELS), "frame": FRAMES, "stain": STAINS, "icc": ICC}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                yield f"{name} {getattr(self, name)!r}: expected one of {', '.join(known)}"
        if self.tissue not in (AUTO, "none") and not Path(self.tissue).exists():
            yield f"--tissue {self.tissue}: no such file or folder; expected auto, none, or areas of tissue"
