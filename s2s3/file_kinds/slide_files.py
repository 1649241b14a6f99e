"""Files that predictions on whole slides write: state.json and measurements.json in the folder of each slide."""

from s1.json_files import JsonFile
from s1.json_schema import NUMBER, TEXT, ListOf, MapOf, Record, optional, whole_number

STATE_NAME, MEASUREMENTS_NAME = "state.json", "measurements.json"
OVERLAY_NAME, THUMBNAIL_NAME, OBJECTS_NAME = "overlay.png", "thumbnail.png", "objects.geojson.gz"

_PREDICT_AGAIN = "remove its folder, or use --overwrite"
_PAIR, _COLOURS = ListOf(NUMBER, 2, 2), ListOf(NUMBER, 3, 3)
_STATISTICS = {"mean": _COLOURS, "std": _COLOURS}

SLIDE_STATE = JsonFile(
    "state of a slide",
    Record(
        {"state": TEXT, "attempts": whole_number(0)},
        {
            "slide": TEXT,
            "path": TEXT,
            "error": optional(Record({"message": TEXT})),
            "finished": optional(TEXT),
            "model": Record(optional={"name": TEXT, "hash": TEXT}),
            "warnings": ListOf(TEXT),
            "mpp": _PAIR,
            "size": _PAIR,
            "tissue": Record(optional={"share": NUMBER, "mm2": NUMBER}),
            "read": Record(optional={"rescued": NUMBER, "missing_share": NUMBER, "failed_tissue_share": NUMBER}),
            "normalization": Record(optional={**_STATISTICS, "training": Record(_STATISTICS)}),
            "seconds": MapOf(NUMBER),
        },
    ),
    _PREDICT_AGAIN,
)

_CLASS = Record(
    {
        "name": TEXT,
        "area_mm2": NUMBER,
        "share_of_tissue": optional(NUMBER),
        "objects": whole_number(0),
        "largest_object_mm2": NUMBER,
    }
)
SLIDE_MEASUREMENTS = JsonFile(
    "measurements of a slide",
    Record({"tissue_mm2": NUMBER, "classes": ListOf(_CLASS), "ratios": MapOf(optional(NUMBER))}),
    _PREDICT_AGAIN,
)
