"""The page of a dataset that was cut from slides."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nnunetv2.errors import InvalidValueError, MissingFileError
from nnunetv2.reporting.tiling_report import tiling_report
from tests.seen_pages import in_a_browser, problems_of


def slide(name: str, **changes: Any) -> dict[str, Any]:
    tile = {"case": f"{name}_x000000_y000000", "x": 0, "y": 0, "level": 0, "tissue_share": 0.5, "mpp": 0.5}
    return {
        "name": name,
        "path": f"/slides/{name}.svs",
        "annotation": f"/slides/{name}.geojson",
        "reader": "openslide 4.0.1",
        "scanner": "",
        "serial": "",
        "table": {"domain": "", "group": ""},
        "tissue": {"share": 0.2, "mm2": 12.345},
        "tiles": [{**tile, "labels": {"background": 0.75, "<b>Tumor": 0.25}}],
        "counts": {"candidates": 7},
        "warnings": [],
        "domain": "Bern",
        "group": name,
        **changes,
    }


def write_dataset(folder: Path, *slides: dict[str, Any]) -> None:
    (folder / "overlays").mkdir()
    Image.new("RGB", (900, 700), "white").save(folder / "overlays" / "a.png")
    about = {"dataset": "Dataset120_<i>", "settings": {"mpp": 0.5}, "labels": {"background": 0, "<b>Tumor": 1}}
    (folder / "slides.json").write_text(json.dumps({**about, "slides": slides}))


def test_the_page_has_numbers_pictures_and_what_needs_a_look_first(tmp_path: Path) -> None:
    write_dataset(tmp_path, slide("a"), slide("b", warnings=["odd"]), slide("c", tiles=[]))
    page = tiling_report(tmp_path, ["d.svs: cannot be opened"])
    assert page.index("d.svs: cannot be opened") < page.index("<td>c</td>") < page.index("<td>b</td>")
    assert page.index("<td>b</td>") < page.index("<td>a</td>")
    for part in ("12.35", "25.0 %", "b: odd", "data:image/png;base64", "Bern"):
        assert part in page


def test_names_from_files_are_shown_as_text(tmp_path: Path) -> None:
    write_dataset(tmp_path, slide("a"))
    page = tiling_report(tmp_path)
    assert "<b>Tumor" not in page
    assert "<i>" not in page


@pytest.mark.parametrize("name", ["../a", "a/b", ""])
def test_a_damaged_file_is_refused_before_its_names_become_paths(tmp_path: Path, name: str) -> None:
    write_dataset(tmp_path, slide(name))
    with pytest.raises(InvalidValueError, match="usable for a file"):
        tiling_report(tmp_path)


def test_a_folder_without_slides_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"slides\.json"):
        tiling_report(tmp_path)


@in_a_browser
def test_the_page_is_readable_in_a_browser(tmp_path: Path) -> None:
    write_dataset(tmp_path, slide("a", warnings=["odd"]), slide("TCGA-3C-AALI-01Z-00-DX1.F6E9A5DF-D8FB-45CF", tiles=[]))
    assert problems_of(tiling_report(tmp_path, ["/a/long/path/" * 9 + "d.svs: cannot be opened"]), tmp_path) == []
