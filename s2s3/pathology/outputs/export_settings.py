"""What the files made from the labels of a slide contain, as one object that checks itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.annotations.annotation_set import FRAMES
from nnunetv2.pathology.annotations.geojson_writer import OBJECT_TYPES
from nnunetv2.pathology.outputs.measurements import ratio_classes
from nnunetv2.pathology.setting_checks import SettingCheck, among, require_right
from nnunetv2.pathology.settings_dicts import settings_from_dict, settings_to_dict
from s1.problem_lists import closest_name

GEOJSON, OVERLAY, ZARR, DICOM = "geojson", "overlay", "zarr", "dicom"
EXPORTS = (GEOJSON, OVERLAY, ZARR, DICOM)
"""What can be made from the labels at any time."""
DICOM_TYPES = ("binary", "labelmap", "labelmap_jpeg2000")
LABELS, PROBABILITIES = "labels", "probabilities"
_SHOWN = (GEOJSON, OVERLAY, DICOM, PROBABILITIES)
_OF_OUTPUTS = {
    "dicom_type": (DICOM,),
    "dicom_codes": (DICOM,),
    "pyramid": (LABELS,),
    "probability_mpp": (PROBABILITIES,),
    "classes": _SHOWN,
    **dict.fromkeys(("simplify_um", "min_area_um2", "objects", "max_objects"), (GEOJSON,)),
}
"""Settings of a prediction that only these outputs depend on."""


def without_outputs(save: Collection[str]) -> dict[str, str]:
    """Return the settings that none of these outputs depends on -> when they have no effect, in words."""
    return {
        name: f"without {' or '.join(outputs)} in --save"
        for name, outputs in _OF_OUTPUTS.items()
        if not set(outputs) & set(save)
    }


@dataclass(frozen=True)
class ExportSettings:
    """How the files of a slide are made from its labels. Raises ArgumentError for values out of range."""

    save: tuple[str, ...] = (GEOJSON,)
    """Out of `geojson`, `overlay`, `zarr` and `dicom`; names of other outputs are left to others."""
    classes: tuple[str, ...] | None = None
    """Classes that the files show; None: all foreground classes. Measurements are of all classes."""
    simplify_um: float | None = None
    """Outlines may lie this far from the pixels' edges; None: one pixel."""
    min_area_um2: float | None = None
    """Objects and holes below it are left out of the outlines; None: ten pixels."""
    objects: str = "auto"
    """`annotation` or `detection`, as which QuPath shows them; `auto`: detections if they are more than 2,000."""
    max_objects: int = 500_000
    """If there are more, the smallest are left out."""
    ratios: tuple[str, ...] = ()
    """Ratios of areas to measure, such as 'Tumor/Stroma'."""
    frame: str = "content"
    """Of GeoJSON: `content`, the scanned area as QuPath shows it, or the whole `file`."""
    dicom_type: str = "binary"
    """`binary`: a mask for each class, which most viewers know, `labelmap`, or `labelmap_jpeg2000`: the smallest."""
    dicom_codes: str | None = None
    """JSON file with the codes of the classes in a DICOM segmentation; None: those of abnormal tissue for all."""
    memory_gb: float = 1.5
    """What making a DICOM segmentation may take: it is of the finest level of the slide that fits."""

    def __post_init__(self) -> None:
        length, area, classes = self.simplify_um, self.min_area_um2, self.classes
        require_right(
            [
                SettingCheck("--simplify", length, length is None or 0 <= length < 1e6, "0 to 999999 micrometres"),
                SettingCheck("--min_area", area, area is None or 0 <= area < 1e12, "0 or more square micrometres"),
                among("--objects", self.objects, OBJECT_TYPES),
                SettingCheck("--max_objects", self.max_objects, self.max_objects >= 1, "1 or more"),
                among("--frame", self.frame, FRAMES),
                among("--dicom_type", self.dicom_type, DICOM_TYPES),
                SettingCheck("--memory", self.memory_gb, 0.1 <= self.memory_gb < 1e6, "0.1 to 999999 GB"),
                SettingCheck("--classes", classes, classes is None or len(classes) > 0, "names of classes"),
            ]
        )

    def require_classes(self, known: Sequence[str]) -> None:
        """Raise ArgumentError if a class or a ratio is not of these foreground classes."""
        for name in self.classes or ():
            if name not in known:
                listed = ", ".join(known)
                raise ArgumentError(f"--classes {name}: unknown; the model has {listed}{closest_name(name, known)}")
        for ratio in self.ratios:
            ratio_classes(ratio, known)

    def shown(self, classes: Mapping[str, int]) -> dict[str, int]:
        """Return those of all foreground classes, name -> label, that the files show."""
        return {name: label for name, label in classes.items() if self.classes is None or name in self.classes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ExportSettings":
        """Return the settings of a dictionary. Raises ArgumentError for unknown keys and wrong types."""
        return settings_from_dict(cls, values, "an export")

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as JSON values."""
        return settings_to_dict(self)
