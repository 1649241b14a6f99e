"""Files of a dataset that was cut from slides: its journal, and slides.json."""

from nnunetv2.file_kinds.dataset_files import SPACING
from s1.json_files import CASE_LIST_MIB, JsonFile
from s1.json_schema import FILE_NAME, NAME, NULL, OBJECT, TEXT, Either, ListOf, MapOf, Record, number, whole_number

_SHARE = number(0, 1)
_TILE = Record(
    {
        "case": FILE_NAME,
        "x": whole_number(0),
        "y": whole_number(0),
        "level": whole_number(0),
        "tissue_share": _SHARE,
        "labels": MapOf(_SHARE),
        "mpp": SPACING,
    }
)
TILED_SLIDE = Record(
    {
        "name": FILE_NAME,
        "path": NAME,
        "annotation": NAME,
        "reader": NAME,
        "scanner": TEXT,
        "serial": TEXT,
        "table": Record({"domain": TEXT, "group": TEXT}),
        "tissue": Record({"share": _SHARE, "mm2": number(0)}),
        "tiles": ListOf(_TILE),
        "counts": MapOf(whole_number(0)),
        "warnings": ListOf(TEXT),
    },
    {"domain": Either((TEXT, NULL)), "group": TEXT},
)
_STAMP = ListOf(Either((TEXT, whole_number(), NULL)), 3, 3)
FINISHED_SLIDE = Record({"sources": ListOf(_STAMP, 1), "outputs": ListOf(_STAMP), "record": TILED_SLIDE}, closed=True)
"""A line of the journal."""
SLIDES = JsonFile(
    "slides.json of `drift slide tile`",
    Record({"dataset": NAME, "settings": OBJECT, "labels": MapOf(whole_number(0)), "slides": ListOf(TILED_SLIDE)}),
    largest_mib=CASE_LIST_MIB,
)
