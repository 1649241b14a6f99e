"""Annotated slides become a dataset: pixels, labels, and the files that describe them."""

import csv
import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import DatasetError, OutputExistsError, SettingsError, SlideError
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.pathology.dataset import tile_slides as module
from nnunetv2.pathology.dataset.annotation_files import AnnotationPlaces
from nnunetv2.pathology.dataset.slide_domains import Grouping
from nnunetv2.pathology.dataset.tile_slides import TilingResult, tile_slides
from nnunetv2.pathology.dataset.tile_writer import SlideTask, TiledSlide, tile_slide
from nnunetv2.pathology.slides import reader_choice
from nnunetv2.pathology.slides.slide import open_slide
from sample_data.pyramids import Damage
from tests.conftest import NnunetFolders
from tests.pathology.dataset.annotated_slides import tiling, write_annotated, write_geojson, write_mask
from tests.pathology.slides.slide_files import profile_that_swaps_red_and_blue

ALL = {"min_tissue": 0.0, "tissue": "none", "background_share": 1.0}


def labels_of(folder: Path, slide: str = "a", size: tuple[int, int] = (1500, 1100)) -> np.ndarray:
    """Return the labels of a slide put together from its tiles; 99 where no tile is."""
    whole = np.full((size[1], size[0]), 99, np.uint8)
    for file in (folder / "labelsTr").glob(f"{slide}_x*.png"):
        x, y = (int(part) for part in file.stem.removeprefix(f"{slide}_x").split("_y"))
        tile = np.asarray(Image.open(file))
        whole[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return whole


def dataset_json(result: TilingResult) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((result.folder / "dataset.json").read_text())
    return content


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_tiles_have_the_pixels_of_the_slide_and_the_labels_of_the_areas(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (100, 100, 700, 500)), ("Stroma", (600.4, 400, 900, 600.6)))
    labels = {"background": 0, "Tumor": 1, "Stroma": 2}
    result = tile_slides(tiling(slide, labels=labels, **ALL), num_processes=0)
    assert result.folder == nnunet_folders.raw / "Dataset120_Test"
    assert result.problems == ()
    expected = np.zeros((1100, 1500), np.uint8)
    expected[100:500, 100:700] = 1
    expected[400:601, 600:900] = 2  # the centre of row 600 lies inside, that of column 600, too
    assert np.array_equal(labels_of(result.folder), expected)
    with open_slide(slide) as opened:
        tile = np.asarray(Image.open(result.folder / "imagesTr" / "a_x000512_y000588_0000.png"))
        assert np.array_equal(tile, opened.view(0.5).read(512, 588, 512, 512)[0])
    assert dataset_json(result) | {"licence": 0, "converted_by": 0} == {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": labels,
        "numTraining": 9,
        "file_ending": ".png",
        "licence": 0,
        "converted_by": 0,
        "drift": {"mpp": 0.5, "tile": 512, "reader": "openslide 4.0.1", "resampling": "triangle", "icc": None},
    }


def test_tiles_have_the_colours_of_the_slides_profile_if_asked_for_and_the_dataset_says_so(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide, drawn = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    profile = {"iccprofile": profile_that_swaps_red_and_blue()}
    tifffile.imwrite(slide, drawn, tile=(256, 256), photometric="rgb", metadata=None, **profile)
    write_geojson(tmp_path / "a.geojson", ("Tumor", (100, 100, 400, 300)))
    slides = [replace(entry, mpp=0.5) for entry in tiling(slide).slides]
    result = tile_slides(replace(tiling(slide, icc="srgb", **ALL), slides=slides), num_processes=0)
    tile = np.asarray(Image.open(result.folder / "imagesTr" / "a_x000000_y000000_0000.png")).astype(int)
    assert np.abs(tile - drawn[..., ::-1]).max() <= 2
    assert dataset_json(result)["drift"]["icc"] == "srgb"


def test_the_dataset_has_tables_groups_and_domains_and_passes_the_checks_of_planning(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    for name, area in (("TCGA-CR-1111-a", (0, 0, 600, 600)), ("TCGA-XX-2222-b", (700, 500, 1400, 1000))):
        write_annotated(tmp_path / "in", name, ("Tumor", area), seed=len(name))
    grouping = Grouping("tss", "tcga")
    result = tile_slides(tiling(tmp_path / "in", grouping=grouping, channels="rgb01"), num_processes=0)
    domains = json.loads((result.folder / "domains.json").read_text())["domains"]
    groups = json.loads((result.folder / "groups.json").read_text())["groups"]
    with (result.folder / "tiles.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(domains) == ["CR", "XX"]
    assert {groups[case] for case in domains["CR"]} == {"TCGA-CR-1111"}
    assert sorted(groups) == sorted(row["case"] for row in rows) == sorted(domains["CR"] + domains["XX"])
    for row in rows:
        tile = np.asarray(Image.open(result.folder / "labelsTr" / f"{row['case']}.png"))
        assert float(row["share_Tumor"]) == pytest.approx((tile == 1).mean(), abs=1e-6)
        assert float(row["share_Tumor"]) + float(row["share_background"]) == pytest.approx(1, abs=1e-5)
    assert set(dataset_json(result)["channel_names"].values()) == {"rgb_to_0_1"}
    verify_dataset_integrity(str(result.folder), 0)


@pytest.mark.parametrize("unannotated", [None, "background"])
def test_only_regions_have_labels_unless_everything_else_is_background(
    tmp_path: Path, nnunet_folders: NnunetFolders, unannotated: str | None
) -> None:
    areas = ("ROI", (0, 0, 800, 1100)), ("Tumor", (600, 0, 1000, 1100))
    slide = write_annotated(tmp_path / "in", "a", *areas)
    chosen = {**ALL, "min_labelled": 0.0}
    result = tile_slides(tiling(slide, roi="ROI", unannotated=unannotated, **chosen), num_processes=0)
    expected = np.full((1100, 1500), 0 if unannotated else 2, np.uint8)
    expected[:, :800] = 0
    expected[:, 600 : 1000 if unannotated else 800] = 1
    ignored = {} if unannotated else {"ignore": 2}
    assert dataset_json(result)["labels"] == {"background": 0, "Tumor": 1, **ignored}
    assert np.array_equal(labels_of(result.folder), expected)


def test_tiles_are_left_out_by_annotation_or_by_tissue(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (0, 0, 1024, 512)), glass_share=0.5)
    skipping = tile_slides(tiling(slide, unannotated="skip", **ALL), num_processes=0)
    assert names(skipping.folder / "labelsTr") == ["a_x000000_y000000.png", "a_x000512_y000000.png"]
    result = tile_slides(tiling(slide, "Dataset121_Tissue", min_tissue=0.5, background_share=1.0), num_processes=0)
    shares = {tile["case"]: tile["tissue_share"] for tile in result.records[0]["tiles"]}
    assert 0 < len(shares) < 9
    assert min(shares.values()) >= 0.5


def test_at_another_pixel_size_names_and_labels_keep_their_place_on_the_slide(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide = write_annotated(tmp_path / "in")
    result = tile_slides(tiling(slide, mpp=1.25, tile=256, **ALL), num_processes=0)
    assert names(result.folder / "labelsTr") == [
        *("a_x000000_y000000.png", "a_x000000_y000460.png", "a_x000640_y000000.png", "a_x000640_y000460.png"),
        *("a_x000860_y000000.png", "a_x000860_y000460.png"),
    ]
    tile = np.asarray(Image.open(result.folder / "labelsTr" / "a_x000000_y000000.png"))
    assert tile[40:200, 40:].all()
    assert not tile[:40].any()
    assert not tile[:, :40].any()


def test_a_mask_gives_the_labels_and_may_have_values_renamed(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    slide = write_annotated(tmp_path / "in")
    values = np.zeros((550, 750), np.uint8)
    values[50:250, 50:350] = 255
    write_mask(tmp_path / "in" / "a_mask.tif", values)
    chosen = {"labels": {"Tumor": 1}, "places": AnnotationPlaces(suffix="_mask.tif"), **ALL}
    with pytest.raises(DatasetError, match=r"a_mask.tif: has the value 255, expected one of background=0, Tumor=1"):
        tile_slides(tiling(slide, **chosen), num_processes=0)
    result = tile_slides(tiling(slide, renamed={"255": "Tumor"}, **chosen), num_processes=0)
    expected = np.kron(values > 0, np.ones((2, 2))).astype(np.uint8)
    assert np.array_equal(labels_of(result.folder), expected)


def test_slides_that_cannot_be_used_are_named_and_do_not_stop_the_others(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    folder = tmp_path / "in"
    write_annotated(folder, "good")
    write_annotated(folder, "without_size", mpp=None)
    write_annotated(folder, "without_annotation").with_suffix(".geojson").unlink()
    write_annotated(folder, "two").with_suffix(".xml").write_text("<a/>")
    write_annotated(folder, "unknown", ("tumour", (0, 0, 900, 900)), ("Fat", (0, 0, 9, 9)))
    write_annotated(folder, "broken").with_suffix(".geojson").write_text("{")
    (folder / "no_slide.svs").write_text("no slide")
    write_geojson(folder / "no_slide.geojson")
    result = tile_slides(tiling(folder, labels={"Tumor": 1}), num_processes=0)
    problems = "\n".join(result.problems)
    assert [record["name"] for record in result.records] == ["good"]
    assert len(result.problems) == 7
    for part in (
        "without_size.tif: the file does not state its pixel size",
        "without_annotation.tif: no annotation in",
        "two.tif: has 2 annotations (two.geojson, two.xml); choose with --annotation_suffix",
        "class 'tumour' is not among the labels (background, Tumor); did you mean Tumor? --map tumour=Tumor",
        "class 'Fat' is not among the labels",
        "broken.geojson: not valid JSON",
        "no_slide.svs: cannot be opened as a slide",
    ):
        assert part in problems
    assert dataset_json(result)["numTraining"] == len(result.records[0]["tiles"]) > 0


def test_a_slide_whose_opening_hangs_costs_its_timeout_and_not_the_others(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    slides = [write_annotated(tmp_path / "in", name) for name in "ab"]
    usual, end = reader_choice.opening, threading.Event()

    def opening(library: str, path: Any) -> Any:
        if Path(path).stem == "a":
            end.wait(60)
        return usual(library, path)

    monkeypatch.setattr(reader_choice, "opening", opening)
    result = tile_slides(replace(tiling(slides, **ALL), read_timeout_s=0.3), num_processes=0)
    end.set()
    assert result.problems == (f"{slides[0]}: opening it takes more than 0.3 s (--read_timeout)",)
    assert [record["name"] for record in result.records] == ["b"]


def test_a_slide_of_several_files_is_cut_again_if_one_of_them_changed(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = write_annotated(tmp_path / "in")
    part = tmp_path / "in/part.dat"
    part.write_text("1")
    monkeypatch.setattr(module, "parts_of_slide", lambda path: [Path(path), part])
    cut: list[str] = []
    usual = module.tile_slide
    monkeypatch.setattr(module, "tile_slide", lambda task, folder: cut.append(task.slide.name) or usual(task, folder))
    for text in ("1", "1", "22"):
        part.write_text(text) if text != part.read_text() else None
        tile_slides(tiling(slide, **ALL), num_processes=0)
    assert cut == ["a", "a"]


def test_names_of_classes_never_become_paths(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    hostile = "../../../evil"
    slide = write_annotated(tmp_path / "in", "a", (hostile, (0, 0, 900, 900)), ("=cmd|' /C calc'!A0", (0, 0, 9, 9)))
    before = set(tmp_path.rglob("*"))
    result = tile_slides(tiling(slide, grouping=Grouping(None, "slide")), num_processes=0)
    written = {path for path in set(tmp_path.rglob("*")) - before}
    assert all(result.folder in (path, *path.parents) for path in written)
    assert dataset_json(result)["labels"][hostile] == 1
    assert not any("evil" in path.name for path in written)


def test_parts_that_cannot_be_read_are_no_training_data(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    damage = Damage(zeroed_tiles=((1, 1),))
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (0, 0, 1500, 1100)), damage=damage, height=1000, width=1000)
    result = tile_slides(tiling(slide, tile=256, **ALL), num_processes=0)
    assert "a_x000000_y000000.png" not in names(result.folder / "labelsTr")
    assert any(
        "1 of 16 tiles are left out, since parts of them cannot be read" in w for w in result.records[0]["warnings"]
    )


def test_a_repeated_call_skips_what_is_finished_and_adds_what_is_new(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_annotated(tmp_path / "in")
    once = tile_slides(tiling(first), num_processes=0)
    time = (once.folder / "imagesTr" / "a_x000000_y000000_0000.png").stat().st_mtime_ns
    cut: list[str] = []
    monkeypatch.setattr(module, "tile_slide", recording(cut))
    second = write_annotated(tmp_path / "in", "b")
    both = tile_slides(tiling([first, second]), num_processes=0)
    only_second = tile_slides(tiling(second), num_processes=0)
    assert cut == ["b"]
    assert [record["name"] for record in both.records] == ["a", "b"] == [r["name"] for r in only_second.records]
    assert (once.folder / "imagesTr" / "a_x000000_y000000_0000.png").stat().st_mtime_ns == time
    assert dataset_json(both)["numTraining"] == len(names(both.folder / "labelsTr"))


def test_a_slide_is_cut_again_if_its_annotation_or_its_tiles_changed(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (0, 0, 1500, 500)))
    folder = tile_slides(tiling(slide), num_processes=0).folder
    before = names(folder / "labelsTr")
    write_geojson(slide.with_suffix(".geojson"), ("Tumor", (0, 0, 400, 400)))
    (folder / "labelsTr" / "mine.png").write_bytes(b"a file of the user")
    changed = tile_slides(tiling(slide), num_processes=0)
    assert len(before) > 1
    assert names(folder / "labelsTr") == ["a_x000000_y000000.png", "mine.png"]
    cut: list[str] = []
    monkeypatch.setattr(module, "tile_slide", recording(cut))
    (folder / "imagesTr" / "a_x000000_y000000_0000.png").unlink()
    assert tile_slides(tiling(slide), num_processes=0).records == changed.records
    assert cut == ["a"]


def test_a_slide_of_the_same_name_does_not_replace_one_of_an_earlier_call(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    first, second = write_annotated(tmp_path / "in", "A"), write_annotated(tmp_path / "other", "a")
    once = tile_slides(tiling(first), num_processes=0)
    again = tile_slides(tiling(second), num_processes=0)
    assert again.problems == (f"{second}: {first}, cut by an earlier command, has the same name; rename one of them",)
    assert again.records == once.records


def test_domains_and_groups_are_those_of_the_table_of_the_last_call(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_annotated(tmp_path, "a")
    cut: list[str] = []
    monkeypatch.setattr(module, "tile_slide", recording(cut))
    for domain in ("Bern", "Basel"):
        (tmp_path / "slides.csv").write_text(f"slide,domain\na.tif,{domain}\n")
        result = tile_slides(tiling(tmp_path / "slides.csv", grouping=Grouping("csv")), num_processes=0)
        assert list(json.loads((result.folder / "domains.json").read_text())["domains"]) == [domain]
    assert cut == ["a"]


def test_other_settings_are_refused_unless_the_dataset_is_to_be_overwritten(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (0, 0, 900, 900)), ("Stroma", (0, 0, 400, 400)))
    given = {"labels": {"Tumor": 1, "Stroma": 2}, "grouping": Grouping(None)}
    tile_slides(tiling(slide, **given), num_processes=0)
    with pytest.raises(OutputExistsError, match=r"made with tile 512 instead of 256\. Use another -d or --overwrite"):
        tile_slides(tiling(slide, tile=256, **given), num_processes=0)
    with pytest.raises(OutputExistsError, match="made with labels in the order background, Tumor, Stroma instead of"):
        tile_slides(tiling(slide, labels={"Stroma": 2, "Tumor": 1}), num_processes=0)  # another order of drawing
    result = tile_slides(tiling(slide, tile=256, **given), num_processes=0, overwrite=True)
    tiles = names(result.folder / "imagesTr")
    assert {np.asarray(Image.open(result.folder / "imagesTr" / name)).shape for name in tiles} == {(256, 256, 3)}
    assert dataset_json(result)["numTraining"] == len(tiles)


def test_datasets_of_others_are_never_touched(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    slide = write_annotated(tmp_path / "in")
    theirs = nnunet_folders.raw / "Dataset120_Test"
    theirs.mkdir()
    (theirs / "dataset.json").write_text("{}")
    with pytest.raises(OutputExistsError, match="was not made by `drift slide tile`"):
        tile_slides(tiling(slide), num_processes=0, overwrite=True)
    assert names(theirs) == ["dataset.json"]


def test_an_interrupted_call_leaves_no_dataset_and_the_next_one_completes_it(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_annotated(tmp_path / "in", name)
    cut: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "tile_slide", recording(cut, stop_at="b"))
        with pytest.raises(KeyboardInterrupt):
            tile_slides(tiling(tmp_path / "in"), num_processes=0)
    folder = nnunet_folders.raw / "Dataset120_Test"
    assert not (folder / "dataset.json").exists()
    assert not (folder / ".tiling" / "partial").exists()
    stray = folder / "imagesTr" / "b_x000000_y000512_0000.png"  # moved, but not entered in the journal
    stray.write_bytes(b"")
    monkeypatch.setattr(module, "tile_slide", recording(cut))
    result = tile_slides(tiling(tmp_path / "in"), num_processes=0)
    assert cut == ["a", "b", "b"]
    assert result.problems == ()
    assert not stray.exists() or stray.stat().st_size


def test_a_damaged_journal_costs_time_but_nothing_else(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    slide = write_annotated(tmp_path / "in")
    first = tile_slides(tiling(slide), num_processes=0)
    journal = first.folder / ".tiling" / "journal.jsonl"
    header, entry = journal.read_text().splitlines()
    hostile = json.loads(entry)
    hostile["record"]["tiles"][0]["case"] = "../../../../etc/passwd"
    journal.write_text("\n".join([header, json.dumps(hostile), entry[: len(entry) // 2]]))
    again = tile_slides(tiling(slide), num_processes=0)
    assert again.records == first.records


@pytest.mark.long
def test_a_worker_that_dies_costs_its_slide_only(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_annotated(tmp_path / "in", name)
    monkeypatch.setattr(module, "tile_slide", tile_or_die)
    result = tile_slides(tiling(tmp_path / "in"), num_processes=1)
    assert [record["name"] for record in result.records] == ["b"]
    assert result.problems == (f"{tmp_path}/in/a.tif: the worker process was killed by signal SIGTERM",)


def test_nothing_is_written_without_a_tile_and_the_reasons_are_told(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (20_000, 20_000, 30_000, 30_000)))
    with pytest.raises(DatasetError) as caught:
        tile_slides(tiling(slide, background_share=0.0), num_processes=0)
    assert "no slide gives a tile" in str(caught.value)
    assert "annotations outside of the slide (1500 x 1100 px): 1 of 1" in str(caught.value)
    assert not (nnunet_folders.raw / "Dataset120_Test" / "dataset.json").exists()


def test_a_call_that_fails_leaves_no_folder_that_would_take_the_id(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide = write_annotated(tmp_path / "in", "a", mpp=None)
    with pytest.raises(DatasetError, match="does not state its pixel size"):
        tile_slides(tiling(slide), num_processes=0)
    assert names(nnunet_folders.raw) == []


def test_a_class_that_other_classes_cover_is_named(tmp_path: Path, nnunet_folders: NnunetFolders) -> None:
    slide = write_annotated(tmp_path / "in", "a", ("Tumor", (0, 0, 900, 900)), ("Necrosis", (100, 100, 200, 200)))
    result = tile_slides(tiling(slide), num_processes=0)
    assert result.warnings[0].startswith("no tile shows the class Necrosis (label 1)")


def test_slides_without_domain_or_with_colliding_names_are_refused_before_any_work(
    tmp_path: Path, nnunet_folders: NnunetFolders
) -> None:
    slide = write_annotated(tmp_path / "in")
    with pytest.raises(SlideError, match=r"a\.tif: has no domain"):
        tile_slides(tiling(slide, grouping=Grouping("csv")), num_processes=0)
    write_annotated(tmp_path / "other", "a")
    with pytest.raises(SlideError, match="would have the same output name 'a'"):
        tiling([slide, tmp_path / "other"])
    assert names(nnunet_folders.raw) == []


def test_two_commands_at_once_do_not_write_into_one_dataset(
    tmp_path: Path, nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = write_annotated(tmp_path / "in")

    def second_command(task: SlideTask, folder: Path) -> TiledSlide:
        with pytest.raises(SettingsError, match="another command is writing into it"):
            tile_slides(tiling(slide), num_processes=0)
        return tile_slide(task, folder)

    monkeypatch.setattr(module, "tile_slide", second_command)
    assert tile_slides(tiling(slide), num_processes=0).problems == ()


def recording(cut: list[str], stop_at: str | None = None) -> Callable[[SlideTask, Path], TiledSlide]:
    def cut_and_record(task: SlideTask, folder: Path) -> TiledSlide:
        cut.append(task.slide.name)
        if task.slide.name == stop_at:
            raise KeyboardInterrupt
        return tile_slide(task, folder)

    return cut_and_record


def tile_or_die(task: SlideTask, folder: Path) -> TiledSlide:
    if task.slide.name == "a":
        os.kill(os.getpid(), signal.SIGTERM)
    return tile_slide(task, folder)
