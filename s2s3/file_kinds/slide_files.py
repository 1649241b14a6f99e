"""Files that predictions on whole slides write into the folder of each slide."""

from s1.json_files import JsonFile
from s1.json_schema import NAME, NUMBER, TEXT, ListOf, MapOf, Record, Schema, number, optional, whole_number

STATE_NAME, MEASUREMENTS_NAME = "state.json", "measurements.json"
OVERLAY_NAME, THUMBNAIL_NAME, OBJECTS_NAME = "overlay.png", "thumbnail.png", "objects.geojson.gz"

_PREDICT_AGAIN = "remove its folder, or use --overwrite"
_PAIR, _COLOURS = ListOf(number(above=0), 2, 2), ListOf(NUMBER, 3, 3)
_STATISTICS = {"mean": _COLOURS, "std": _COLOURS}

_PIXELS = whole_number(1)
_VIEW = Record(
    {
        "downsample": number(above=0),
        "factor": _PAIR,
        "width": _PIXELS,
        "height": _PIXELS,
        "mpp": _PAIR,
    }
)
_BOXES = ListOf(ListOf(whole_number(0, 2**31), 4, 4))
"""x, y, width, height."""
_READ = Record(
    {"unread": _BOXES},
    {
        "rescued": NUMBER,
        "missing_share": NUMBER,
        "failed_tissue_share": NUMBER,
    },
)

_ENTRIES: dict[str, Schema] = {
    "slide": TEXT,
    "path": TEXT,
    "error": optional(Record({"message": TEXT})),
    "finished": optional(TEXT),
    "model": Record({"hash": TEXT}, {"name": TEXT}),
    "warnings": ListOf(TEXT),
    "mpp": _PAIR,
    "size": _PAIR,
    "origin": ListOf(number(0), 2, 2),
    "view": _VIEW,
    "tissue": Record({"share": NUMBER, "mm2": number(0)}),
    "read": _READ,
    "normalization": Record(optional={**_STATISTICS, "training": Record(_STATISTICS)}),
    "tiles": Record({"total": whole_number(0), "gated": whole_number(0)}),
    "seconds": MapOf(NUMBER),
    "wait_share": NUMBER,
    "source": Record({"size": whole_number(0), "hash": TEXT, "slide_mpp": optional(number(0))}),
}
_BEGUN: dict[str, Schema] = {"state": TEXT, "attempts": whole_number(0)}
SLIDE_STATE = JsonFile("state of a slide", Record(_BEGUN, _ENTRIES), _PREDICT_AGAIN)
WITH_OUTPUTS = ("done", "no_tissue")
"""States of slides that have all their outputs."""
_FINISHED = ("slide", "model", "mpp", "view", "tissue", "read")
FINISHED_SLIDE_STATE = JsonFile(
    "state of a slide that is done",
    Record({**_BEGUN, **{name: _ENTRIES[name] for name in _FINISHED}}, _ENTRIES),
    _PREDICT_AGAIN,
)
LABELS_DESCRIPTION = JsonFile(
    "label image of a slide",
    Record({"labels": MapOf(whole_number(0, 2**16 - 1), 1, NAME), "model": TEXT}),
    "predict the slide again",
)
"""What the description of labels.ome.tif says."""
PROBABILITIES_DESCRIPTION = JsonFile(
    "map of probabilities of a slide",
    Record({"classes": ListOf(NAME, 1, 2**10), "factor": whole_number(1, 2**10)}),
    "predict the slide again",
)
"""What the description of probabilities.ome.tif says."""

SLIDE_CLAIM = JsonFile("claim on a slide", Record({"host": TEXT, "pid": whole_number(1), "boot": TEXT, "uuid": TEXT}))
RUN_NAME = "run.json"
SLIDE_RUN = JsonFile(
    "list of the slides of a run", Record({"slides": MapOf(TEXT)}), "remove it, it is written anew", largest_mib=256
)
"""Name -> path of all slides that were asked for in an output folder, and model, settings, versions of the last run."""

_CLASS = Record(
    {
        "name": TEXT,
        "area_mm2": NUMBER,
        "share_of_tissue": optional(NUMBER),
        "objects": optional(whole_number(0)),
        "largest_object_mm2": optional(NUMBER),
    }
)
SLIDE_MEASUREMENTS = JsonFile(
    "measurements of a slide",
    Record(
        {"tissue_mm2": NUMBER, "classes": ListOf(_CLASS), "ratios": MapOf(optional(NUMBER))},
        {"objects_left_out": whole_number(0)},
    ),
    _PREDICT_AGAIN,
)
_CODE = ListOf(NAME, 3, 3)
DICOM_CODES = JsonFile(
    "codes of the classes",
    MapOf(ListOf(_CODE, 2, 2), 1),
    'write it like {"Tumor": [["49755003", "SCT", "Abnormal Structure"], ["108369006", "SCT", "Neoplasm"]]}',
)
"""Class -> category and type, each value, coding scheme and meaning."""
