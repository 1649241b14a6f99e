"""Pictures of whole datasets, raw and preprocessed, 2D in colour and 3D in grey."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import CaseFailedError, DatasetError, InvalidOutputError
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.utilities.overlay_plots import (
    entry_point_generate_overlay,
    generate_overlay,
    generate_overlays_from_preprocessed,
    generate_overlays_from_raw,
    has_colour_channels,
    label_names_of,
    plot_overlay,
    plot_overlay_preprocessed,
)
from tests.conftest import NnunetFolders

NAME = "Dataset820_Slides"
RGB = {"0": "R", "1": "G", "2": "B"}


def labels_of(number: int, side: int = 40) -> np.ndarray:
    labels = np.zeros((side, side), np.uint8)
    labels[5:20, 5 + number : 20] = 1 + number
    return labels


def image_of(number: int, side: int = 40) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3)).astype(np.uint8)


def dataset_json(channels: dict[str, str]) -> dict[str, object]:
    labels = {"background": 0, "tumor": 1, "stroma": 2}
    return {"channel_names": channels, "labels": labels, "numTraining": 2, "file_ending": ".png"}


@pytest.fixture
def raw(nnunet_folders: NnunetFolders) -> Path:
    """Two RGB images with labels."""
    folder = nnunet_folders.raw / NAME
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for number in range(2):
        Image.fromarray(image_of(number)).save(folder / "imagesTr" / f"case{number}_0000.png")
        Image.fromarray(labels_of(number)).save(folder / "labelsTr" / f"case{number}.png")
    (folder / "dataset.json").write_text(json.dumps(dataset_json(RGB)))
    return folder


def write_preprocessed(folders: NnunetFolders, channels: dict[str, str], depth: int, configuration: str) -> Path:
    folder = folders.preprocessed / NAME
    data_folder = folder / f"nnUNetPlans_{configuration}"
    data_folder.mkdir(parents=True)
    entry = {"data_identifier": data_folder.name, "architecture": {}}
    (folder / "nnUNetPlans.json").write_text(json.dumps({"configurations": {configuration: entry}}))
    (folder / "dataset.json").write_text(json.dumps(dataset_json(channels)))
    data = np.random.default_rng(0).normal(size=(len(channels), depth, 40, 40)).astype(np.float32)
    seg = np.full((1, depth, 40, 40), -1, np.int8)
    seg[0, -1] = labels_of(0)
    plane = (1, 1, 40, 40)
    nnUNetDatasetBlosc2.save_case(data, seg, {}, str(data_folder / "case0"), chunks=plane, blocks=plane)
    return data_folder


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode == "RGBA"
        pixels = np.asarray(picture)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def test_raw_slides_are_shown_in_their_colours_with_a_legend(raw: Path, tmp_path: Path) -> None:
    generate_overlays_from_raw(820, str(tmp_path / "out"), num_processes=0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["case0.png", "case1.png"]
    for number in range(2):
        picture = read(tmp_path / "out" / f"case{number}.png")
        assert np.array_equal(picture[:40, :40], generate_overlay(image_of(number), labels_of(number)))
        assert len(picture) > 40


def test_worker_processes_give_the_same_pictures(raw: Path, tmp_path: Path) -> None:
    for processes in (0, 2):
        generate_overlays_from_raw(NAME, str(tmp_path / str(processes)), num_processes=processes)
    for case in ("case0.png", "case1.png"):
        assert (tmp_path / "0" / case).read_bytes() == (tmp_path / "2" / case).read_bytes()


def test_every_case_without_labels_or_channel_is_named_before_the_first_picture(raw: Path, tmp_path: Path) -> None:
    (raw / "labelsTr" / "case1.png").unlink()
    with pytest.raises(DatasetError) as caught:
        generate_overlays_from_raw(820, str(tmp_path / "out"), num_processes=0, channel_idx=1)
    assert caught.value.problems == (
        "case case0: 1 image file(s)",
        "case case1: 1 image file(s)",
        f"no label file {raw / 'labelsTr' / 'case1.png'}",
    )
    assert not (tmp_path / "out").exists()


def test_a_case_whose_labels_have_another_size_is_named(raw: Path, tmp_path: Path) -> None:
    Image.fromarray(labels_of(1, side=30)).save(raw / "labelsTr" / "case1.png")
    with pytest.raises(CaseFailedError, match=r"case1.*\(3, 1, 40, 40\).*\(1, 30, 30\)"):
        generate_overlays_from_raw(820, str(tmp_path / "out"), num_processes=0)


def test_a_case_whose_mask_lacks_the_orientation_tag_of_its_image_is_named(raw: Path, tmp_path: Path) -> None:
    image = next((raw / "imagesTr").glob("*_0000.png"))
    exif = Image.Exif()
    exif[274] = 3
    with Image.open(image) as picture:
        pixels = np.asarray(picture)
    Image.fromarray(pixels).save(image, exif=exif)
    with pytest.raises(CaseFailedError, match="its orientation tag says turned by 180 degrees"):
        generate_overlays_from_raw(820, str(tmp_path / "out"), 0)


def test_a_picture_is_complete_or_absent(raw: Path, tmp_path: Path) -> None:
    files = (str(raw / "imagesTr" / "case0_0000.png"), str(raw / "labelsTr" / "case0.png"))
    with pytest.raises(ValueError, match="unknown file extension"):
        plot_overlay(*files, NaturalImage2DIO(), str(tmp_path / "picture.nothing"))
    assert not list(tmp_path.glob("*picture*"))
    assert not list(tmp_path.glob("*partial*"))


def test_preprocessed_slides_are_shown_in_colour(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    data_folder = write_preprocessed(nnunet_folders, RGB, 1, "2d")
    generate_overlays_from_preprocessed(820, str(tmp_path / "out"), num_processes=0)
    data = nnUNetDatasetBlosc2(str(data_folder)).load_case("case0")[0][:]
    expected = generate_overlay(data[:, 0], labels_of(0))
    assert np.array_equal(read(tmp_path / "out" / "case0.png")[:40, :40], expected)


def test_a_single_channel_of_slides_can_be_shown(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    data_folder = write_preprocessed(nnunet_folders, RGB, 1, "2d")
    generate_overlays_from_preprocessed(820, str(tmp_path / "out"), num_processes=0, channel_idx=2)
    data = nnUNetDatasetBlosc2(str(data_folder)).load_case("case0")[0][:]
    assert np.array_equal(read(tmp_path / "out" / "case0.png"), generate_overlay(data[2, 0], labels_of(0)))


def test_of_volumes_the_plane_with_labels_is_shown_in_grey(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    data_folder = write_preprocessed(nnunet_folders, {"0": "T1", "1": "T2", "2": "FLAIR"}, 5, "3d_fullres")
    generate_overlays_from_preprocessed(820, str(tmp_path / "out"), num_processes=0, overlay_intensity=1)
    data = nnUNetDatasetBlosc2(str(data_folder)).load_case("case0")[0][:]
    expected = generate_overlay(data[0, 4], labels_of(0), overlay_intensity=1)
    assert np.array_equal(read(tmp_path / "out" / "case0.png"), expected)


def test_a_missing_channel_is_an_assertion_error_as_in_nnunet(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    dataset = nnUNetDatasetBlosc2(str(write_preprocessed(nnunet_folders, RGB, 1, "2d")))
    with pytest.raises(AssertionError, match="has the channels 0 to 2"):
        plot_overlay_preprocessed(dataset, "case0", str(tmp_path), channel_idx=3)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["R", "G", "B"], True),
        (["red", "green", "blue"], True),
        (["rgb_to_0_1"] * 3, True),
        (["R", "G"], False),
        (["T1", "T2", "FLAIR"], False),
        (["rgb_to_0_1"], False),
    ],
)
def test_channel_names_distinguish_slides_from_scans(names: list[str], expected: bool) -> None:
    assert has_colour_channels({"channel_names": dict(enumerate(names))}) is expected


def test_a_label_in_several_regions_has_the_name_of_the_smallest() -> None:
    regions = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": [3], "ignore": 4}
    expected = {0: "background", 1: "whole", 2: "core", 3: "enhancing", 4: "ignore"}
    assert label_names_of({"labels": regions}) == expected


def test_the_command_draws_raw_images(raw: Path, tmp_path: Path, run_command: Callable[..., None]) -> None:
    flags = ["-d", 820, "-o", tmp_path / "out", "--use_raw", "-np", 0, "-overlay_intensity", 0]
    run_command(entry_point_generate_overlay, *flags)
    assert np.array_equal(read(tmp_path / "out" / "case0.png")[:40, :40], image_of(0))


@pytest.mark.usefixtures("nnunet_folders")
def test_missing_plans_are_an_error_of_one_line(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(entry_point_generate_overlay, "-d", NAME, "-o", tmp_path / "out", exit_code=2)
    errors = capsys.readouterr().err
    assert "plans file not found" in errors
    assert errors.count("\n") == 1


def test_the_command_imports_no_torch_for_its_help() -> None:
    code = "import nnunetv2.utilities.overlay_plots, sys; assert not {'torch', 'PIL', 'blosc2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("part", ["imagesTr", "labelsTr"])
def test_pictures_do_not_replace_images_or_labels(raw: Path, part: str) -> None:
    before = {path.name: path.read_bytes() for path in (raw / part).iterdir()}

    with pytest.raises(InvalidOutputError, match=part):
        generate_overlays_from_raw(NAME, str(raw / part), 0)
    with pytest.raises(InvalidOutputError, match="is the folder of a dataset"):
        generate_overlays_from_raw(NAME, str(raw), 0)
    assert {path.name: path.read_bytes() for path in (raw / part).iterdir()} == before


class ReaderOfOthers:
    """Has what nnU-Net asks of a reader, and no more."""

    def read_images(self, files):
        return np.full((3, 1, 8, 9), 200.0, np.float32), {"spacing": (999, 1, 1)}

    def read_seg(self, file):
        return np.ones((1, 1, 8, 9), np.float32), {"spacing": (999, 1, 1)}


def test_a_reader_without_our_further_methods_is_enough(tmp_path) -> None:
    plot_overlay("image", "labels", ReaderOfOthers(), str(tmp_path / "overlay.png"))
    assert (tmp_path / "overlay.png").is_file()
