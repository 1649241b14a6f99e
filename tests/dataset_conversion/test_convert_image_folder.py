"""`drift convert`: images, masks and a table become a dataset that the integrity check accepts."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.dataset_conversion.convert_image_folder import (
    ConversionSettings,
    convert_image_folder,
)
from nnunetv2.dataset_conversion.convert_image_folder_command import convert_entry
from nnunetv2.errors import DatasetError
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import label_image, rgb_image, write_png

NAME = "Dataset030_Folder"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """images/ with a PNG, a JPEG and a TIFF with opaque alpha; masks/ with 0 and 255; a table of domains and groups."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    write_png(rgb_image(0), images / "a.png")
    write_png(rgb_image(1), images / "b_0000.jpg")
    write_png(np.dstack([rgb_image(2), np.full_like(rgb_image(2)[..., 0], 255)]), images / "c.tif")
    for seed, case in enumerate("abc"):
        write_png(label_image(seed, most=1) * 255, masks / f"{case}_mask.png")
    (tmp_path / "table.csv").write_text("case,domain,group\na,rumc,p1\nb,rumc,p1\nc,tcga,p2\n")
    return tmp_path


def convert(source: Path, *more: str) -> None:
    arguments = ("-i", source / "images", "-m", source / "masks", "-d", 30, "-n", "Folder", "-np", 0)
    sys.argv = ["drift convert", *map(str, arguments), "--mask-suffix", "_mask", *more]
    convert_entry()


@pytest.fixture(autouse=True)
def _own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x"])


def test_a_folder_becomes_a_dataset_with_domains_and_groups(nnunet_folders: NnunetFolders, source: Path) -> None:
    convert(source, "--csv", str(source / "table.csv"), "--relabel", "255=1", "--labels", "background=0", "tumor=1")

    target = nnunet_folders.raw / NAME
    verify_dataset_integrity(str(target), 0)
    assert json.loads((target / "dataset.json").read_text())["labels"] == {"background": 0, "tumor": 1}
    assert json.loads((target / "domains.json").read_text()) == {"domains": {"rumc": ["a", "b"], "tcga": ["c"]}}
    assert json.loads((target / "groups.json").read_text()) == {"groups": {"a": "p1", "b": "p1", "c": "p2"}}
    assert (target / "imagesTr" / "a_0000.png").read_bytes() == (source / "images" / "a.png").read_bytes()
    assert np.array_equal(np.asarray(Image.open(target / "imagesTr" / "c_0000.png")), rgb_image(2))
    assert np.array_equal(np.asarray(Image.open(target / "labelsTr" / "b.png")), label_image(1, most=1))
    assert [path.name for path in nnunet_folders.raw.iterdir()] == [NAME]


def test_without_a_table_there_is_one_domain_and_labels_are_as_found(
    nnunet_folders: NnunetFolders, source: Path
) -> None:
    convert(source, "--relabel", "255=1")

    target = nnunet_folders.raw / NAME
    assert json.loads((target / "dataset.json").read_text())["labels"] == {"background": 0, "label_1": 1}
    assert not (target / "domains.json").exists()
    assert not (target / "groups.json").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_all_problems_are_listed_and_nothing_is_written(
    nnunet_folders: NnunetFolders, source: Path, workers: int
) -> None:
    images, masks = source / "images", source / "masks"
    write_png(rgb_image(5), images / "lonely.png")
    write_png(label_image(5), masks / "other_mask.png")
    write_png(label_image(0, 24, 30), masks / "a_mask.png")
    write_png(rgb_image(1), masks / "b_mask.png")
    (images / "c.tif").write_bytes(b"no image")

    with pytest.raises(DatasetError) as caught:
        convert_image_folder(ConversionSettings(images, masks, NAME, mask_suffix="_mask"), workers)

    text = str(caught.value)
    for part in (
        "lonely.png: no mask",
        "other_mask.png: no image",
        "a_mask.png: (24, 30) pixels, expected (24, 32)",
        "b_mask.png: ",
        "c.tif: ",
    ):
        assert part in text, part
    assert list(nnunet_folders.raw.iterdir()) == []


def fail(source: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    with pytest.raises(SystemExit) as caught:
        convert(source, *more)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_values_that_are_not_labels_come_with_the_option_that_helps(
    nnunet_folders: NnunetFolders, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = fail(source, capsys)

    assert "mask of case a: found 255, expected 0, 1, did you mean 1? Then add --relabel 255=1" in error
    assert list(nnunet_folders.raw.iterdir()) == []


def grey_image(source: Path) -> None:
    write_png(rgb_image(0)[..., 0], source / "images" / "a.png")


def two_images_of_one_name(source: Path) -> None:
    write_png(rgb_image(0), source / "images" / "a.bmp")


def case_ending_in_seg(source: Path) -> None:
    (source / "images" / "a.png").rename(source / "images" / "b_seg.png")
    (source / "masks" / "a_mask.png").rename(source / "masks" / "b_seg_mask.png")


def incomplete_table(source: Path) -> None:
    (source / "table.csv").write_text("case,domain\na,rumc\nb,rumc\n")


def no_images(source: Path) -> None:
    for file in [*(source / "images").iterdir(), *(source / "masks").iterdir()]:
        file.unlink()


def colours_for_print(source: Path) -> None:
    Image.fromarray(rgb_image(1)).convert("CMYK").save(source / "images" / "b_0000.jpg")


def empty_masks(source: Path) -> None:
    for file in (source / "masks").iterdir():
        write_png(np.zeros((24, 32), np.uint8), file)


def write_table(source: Path, *rows: str) -> None:
    (source / "table.csv").write_text("\n".join(["case,domain,group", *rows]))


def no_mask_folder(source: Path) -> None:
    (source / "masks").rename(source / "elsewhere")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (grey_image, "image of case a: 1 channels, most others have 3"),
        (two_images_of_one_name, "has the same case name 'a'"),
        (case_ending_in_seg, "b_seg.png: case name ends in _seg"),
        (incomplete_table, "case 'c' is not in the table"),
        (no_images, "images: no images (.png, "),
        (no_mask_folder, "folder not found"),
        (colours_for_print, "b_0000.jpg: colours for print (CMYK), expected RGB"),
        (empty_masks, "no mask contains anything but background"),
        (lambda source: (source / "table.csv").unlink(), "table.csv: no such file"),
        (lambda source: write_table(source, "a,r,", "b,r,1", "c,r,2"), "case 'a' has no group"),
        (lambda source: write_table(source, "a,r,1", "a,r,2", "b,r,1", "c,r,2"), "'a' is in '2' here, in '1' above"),
    ],
)
def test_mistakes_end_with_exit_code_2_and_leave_nothing(
    nnunet_folders: NnunetFolders, source: Path, break_it: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(source)

    assert message in fail(source, capsys, "--csv", str(source / "table.csv"), "--relabel", "255=1")
    assert list(nnunet_folders.raw.iterdir()) == []


def test_a_used_id_is_refused(nnunet_folders: NnunetFolders, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (nnunet_folders.raw / "Dataset030_Other").mkdir()

    assert "id 30 is taken by Dataset030_Other" in fail(source, capsys)


@pytest.mark.parametrize(
    "more", [("--labels", "tumor"), ("--relabel", "255"), ("--relabel", "a=b"), ("--relabel", "1=70000")]
)
def test_malformed_pairs_are_refused(
    nnunet_folders: NnunetFolders, source: Path, capsys: Any, more: tuple[str, ...]
) -> None:
    assert "expected" in fail(source, capsys, *more)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("tumor=1",), "no label 'background'"),
        (("background=1", "tumor=2"), "label 'background' is 1"),
        (("background=0", "tumor=2"), "label 'tumor': found 2, did you mean 1?"),
        (("background=0", "tumor=1", "tumor=2"), "--labels names tumor more than once"),
    ],
)
def test_labels_that_cannot_be_those_of_a_dataset_are_refused(
    nnunet_folders: NnunetFolders, source: Path, capsys: Any, labels: tuple[str, ...], message: str
) -> None:
    assert message in fail(source, capsys, "--relabel", "255=1", "--labels", *labels)
    assert list(nnunet_folders.raw.iterdir()) == []


def test_smoothly_scaled_masks_are_recognised(nnunet_folders: NnunetFolders, source: Path, capsys: Any) -> None:
    smooth = np.arange(24 * 32, dtype=np.uint32).reshape(24, 32) % 200
    write_png(smooth.astype(np.uint8), source / "masks" / "a_mask.png")

    error = fail(source, capsys, "--labels", "background=0", "tumor=1")
    assert "mask of case a: found 198 values from 2 to 199, expected 0, 1; masks that were scaled smoothly" in error


def test_numbered_images_and_masks_may_have_the_same_names(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    for number in range(2):
        write_png(rgb_image(number), tmp_path / "images" / f"tile_{number:04d}.png")
        write_png(label_image(number), tmp_path / "masks" / f"tile_{number:04d}.png")

    convert_image_folder(ConversionSettings(tmp_path / "images", tmp_path / "masks", NAME), 0)

    verify_dataset_integrity(str(nnunet_folders.raw / NAME), 0)
    names = sorted(path.name for path in (nnunet_folders.raw / NAME / "labelsTr").iterdir())
    assert names == ["tile_0000.png", "tile_0001.png"]


def test_images_and_masks_may_share_a_folder(nnunet_folders: NnunetFolders, source: Path, capsys: Any) -> None:
    for file in (source / "masks").iterdir():
        file.rename(source / "images" / file.name)
    one_folder = ("-m", str(source / "images"), "--relabel", "255=1")

    convert(source, *one_folder)
    assert len(list((nnunet_folders.raw / NAME / "imagesTr").iterdir())) == 3

    for file in (source / "images").glob("[bc]*"):
        file.unlink()
    assert "no images" in fail(source, capsys, *one_folder, "-d", "31", "--mask-suffix", "")


def test_names_that_no_other_file_can_hold_are_refused(
    nnunet_folders: NnunetFolders, source: Path, capsys: Any
) -> None:
    for name in (os.fsdecode(b"latin_\xe9"), "two\nlines"):
        shutil.copyfile(source / "images/a.png", source / f"images/{name}.png")
        shutil.copyfile(source / "masks/a_mask.png", source / f"masks/{name}_mask.png")
    complaint = fail(source, capsys, "--relabel", "255=1")
    assert "latin_\\udce9.png': has a name that is not UTF-8; rename it" in complaint
    assert "two\\nlines.png': has a control character in its name; rename it" in complaint


def test_grey_images_of_16_bits_and_palette_masks(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    grey = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 80
    write_png(grey, tmp_path / "images" / "g.tif")
    mask = Image.fromarray(label_image(0))
    palette = mask.convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    (tmp_path / "masks").mkdir()
    palette.save(tmp_path / "masks" / "g.png")

    convert_image_folder(ConversionSettings(tmp_path / "images", tmp_path / "masks", NAME), 0)

    target = nnunet_folders.raw / NAME
    verify_dataset_integrity(str(target), 0)
    assert np.array_equal(np.asarray(Image.open(target / "imagesTr" / "g_0000.png")), grey)
    assert np.array_equal(np.asarray(Image.open(target / "labelsTr" / "g.png")), label_image(0))
    assert json.loads((target / "dataset.json").read_text())["channel_names"] == {"0": "grey"}
