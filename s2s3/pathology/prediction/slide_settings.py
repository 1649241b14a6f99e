"""The settings of a prediction on slides, as one object that checks itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nnunetv2.pathology.outputs.export_settings import EXPORTS, GEOJSON, LABELS, OVERLAY, PROBABILITIES, ExportSettings
from nnunetv2.pathology.prediction.slide_statistics import given_statistics
from nnunetv2.pathology.setting_checks import SettingCheck, among, require_right
from nnunetv2.pathology.settings_dicts import settings_from_dict, settings_to_dict
from nnunetv2.pathology.slides.colour_profile import ICC

WINDOW = "window"
NORMALIZATIONS = ("slide", "image", WINDOW, "dataset")
VALUES = "values:"
OUTPUTS = (LABELS, GEOJSON, OVERLAY)
AUTO = "auto"
STAINS = ("he", "any")
PAGES = "pages"
PYRAMIDS = ("subifds", PAGES)
_GPU_BATCH = 8


@dataclass(frozen=True)
class SlideSettings:
    """How slides are predicted. Raises ArgumentError for values out of range."""

    mpp: float | None = None
    """Micrometres per pixel of the model; None: what its dataset.json says."""
    step_size: float = 0.5
    """Distance between tiles as a fraction of a tile, in (0, 1]."""
    mirroring: bool = False
    """Whether predictions are averaged over mirrored tiles: four times the work."""
    batch_size: int | None = None
    """Tiles that go through the network together; None: 1, on a GPU 8."""
    memory_gb: float = 1.5
    """What sums and pixels of a slide may take."""
    tissue: str = AUTO
    """`auto` finds it, `none` predicts everything, or a file, or a folder of files named like the slides: GeoJSON or
    masks."""
    tissue_model: str | None = None
    """Folder of a model whose foreground is tissue, instead of finding it by its colours."""
    tissue_mpp: float = 10.0
    """Micrometres per pixel that the model of tissue is for."""
    roi: str | None = None
    """A file, or a folder of files named like the slides, with the only regions to predict."""
    stain: str = "he"
    """`he`, or `any`: pens are not told from tissue then."""
    margin_um: float = 32.0
    """How far around tissue predictions reach."""
    normalization: str = "slide"
    """`slide`: statistics of windows on tissue, `image`: of all pixels, `window`: of a window around each tile,
    `dataset`: of the training data, or `values:m1,m2,m3/s1,s2,s3`."""
    allow_upsampling: bool = False
    """Whether slides that are much coarser than the model may be enlarged."""
    icc: str | None = None
    """What becomes of the slides' colours: `none`, or `srgb` by the profiles in their files; None: as the model's
    dataset.json says."""
    max_failed: float = 0.01
    """Share of the tissue that may be unreadable."""
    keep_partial: bool = False
    """Whether a slide of which more is unreadable is predicted to its end; it fails all the same, with its files."""
    save: tuple[str, ...] = OUTPUTS
    pyramid: str = "subifds"
    """Where labels.ome.tif has its lower resolutions: `subifds` as OME asks for, or `pages` for OpenSlide's viewers."""
    simplify_um: float | None = None
    """Outlines may lie this far from the pixels' edges; None: one pixel."""
    min_area_um2: float | None = None
    """Objects and holes below it are left out of the outlines; None: ten pixels."""
    classes: tuple[str, ...] | None = None
    """Classes that outlines, overlay and probabilities show; None: all foreground classes."""
    probability_mpp: float | None = None
    """Micrometres per pixel of probabilities, rounded to the labels' times a power of 2; None: four times theirs."""
    objects: str = "auto"
    """`annotation` or `detection`, as which QuPath shows outlines; `auto`: detections if they are more than 2,000."""
    max_objects: int = 500_000
    """If there are more outlines, the smallest are left out."""
    frame: str = "content"
    """Of GeoJSON, read and written: `content`, the scanned area as QuPath shows it, or the whole `file`."""
    ratios: tuple[str, ...] = ()
    """Ratios of areas to measure, such as 'Tumor/Stroma'."""
    dicom_type: str = "binary"
    """`binary`, `labelmap` or `labelmap_jpeg2000`: the form of a DICOM segmentation."""
    dicom_codes: str | None = None
    """JSON file with the codes of the classes in a DICOM segmentation."""
    overwrite: bool = False

    def __post_init__(self) -> None:
        require_right(self._checks())
        if self.normalization.startswith(VALUES):
            given_statistics(self.normalization.removeprefix(VALUES))
        _ = self.export  # checks the rest

    def _checks(self) -> Iterator[SettingCheck]:
        sizes, step, outputs = "micrometres per pixel", self.step_size, (*OUTPUTS, *EXPORTS, PROBABILITIES)
        mpp, fine_mpp, tiles = self.mpp, self.probability_mpp, self.batch_size
        yield SettingCheck("--mpp", mpp, mpp is None or 0.05 <= mpp <= 20, f"0.05 to 20 {sizes}")
        yield SettingCheck("-step_size", step, 0 < step <= 1, "above 0, up to 1 (a whole tile)")
        yield SettingCheck("-b", tiles, tiles is None or tiles >= 1, "1 tile or more")
        yield SettingCheck("--memory", self.memory_gb, 0.1 <= self.memory_gb < 1e6, "0.1 to 999999 GB")
        yield among("--stain", self.stain, STAINS)
        yield SettingCheck("--tissue_mpp", self.tissue_mpp, 0.05 <= self.tissue_mpp <= 100, f"0.05 to 100 {sizes}")
        is_alone = self.tissue_model is None or self.tissue == AUTO
        yield SettingCheck("--tissue_model", self.tissue_model, is_alone, f"no --tissue {self.tissue} beside it")
        yield among("--pyramid", self.pyramid, PYRAMIDS)
        yield SettingCheck("--margin", self.margin_um, 0 <= self.margin_um < 1e6, "0 to 999999 micrometres")
        yield among("--icc", self.icc, (None, *ICC))
        yield SettingCheck("--max_failed", self.max_failed, 0 <= self.max_failed <= 1, "a share from 0 to 1")
        yield from (among("--save", name, tuple(dict.fromkeys(outputs))) for name in self.save)
        is_plausible = fine_mpp is None or 0.05 <= fine_mpp <= 1e4
        yield SettingCheck("--probability_mpp", fine_mpp, is_plausible, f"0.05 to 10000 {sizes}")
        is_mode = self.normalization in NORMALIZATIONS or self.normalization.startswith(VALUES)
        modes = f"one of {', '.join(NORMALIZATIONS)}, or {VALUES}m1,m2,m3/s1,s2,s3"
        yield SettingCheck("--normalization", self.normalization, is_mode, modes)

    def tiles_at_once(self, device_type: str) -> int:
        """Return how many tiles go through the network together on a device, `cpu`, `cuda` or `mps`."""
        return self.batch_size or (_GPU_BATCH if device_type == "cuda" else 1)

    @property
    def export(self) -> ExportSettings:
        """How the files are made from the labels."""
        return ExportSettings(
            save=tuple(name for name in self.save if name in EXPORTS),
            classes=self.classes,
            simplify_um=self.simplify_um,
            min_area_um2=self.min_area_um2,
            objects=self.objects,
            max_objects=self.max_objects,
            frame=self.frame,
            ratios=self.ratios,
            dicom_type=self.dicom_type,
            dicom_codes=self.dicom_codes,
            memory_gb=self.memory_gb,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SlideSettings":
        """Return the settings of a dictionary. Raises ArgumentError for unknown keys and wrong types."""
        return settings_from_dict(cls, values, "a prediction on slides")

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as JSON values."""
        return settings_to_dict(self)
