"""Every kind of mistake in a raw dataset, found and named together with the others."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import DatasetError, DatasetLayoutError, MissingFileError
from nnunetv2.experiment_planning.verify_dataset_integrity import (
    check_cases,
    verify_dataset_integrity,
    verify_labels,
)
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from tests.experiment_planning.factories import (
    RGB_CHANNELS,
    label_image,
    rgb_image,
    write_dataset_json,
    write_json,
    write_png,
    write_rgb_dataset,
    write_volume,
)

REGIONS = {"background": 0, "whole": [1, 2], "core": [2]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound dataset of three RGB images."""
    return write_rgb_dataset(tmp_path / "Dataset001_Sound")


def problems_of(folder: Path, kind: type[BaseException]) -> str:
    with pytest.raises(kind) as caught:
        verify_dataset_integrity(str(folder), 0)
    return str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sound_dataset_passes(folder: Path, workers: int) -> None:
    verify_dataset_integrity(str(folder), workers)


def test_sound_regions_with_an_ignore_label_pass(folder: Path) -> None:
    labels = {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}
    write_dataset_json(folder, 3, labels=labels, regions_class_order=[1, 2])
    write_png(label_image(0, most=3), folder / "labelsTr" / "a.png")

    verify_dataset_integrity(str(folder), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "labels"),
        ({"channel_names": None}, "channel_names"),
        ({"numTraining": None}, "numTraining"),
        ({"file_ending": None}, "file_ending"),
        ({"numTraining": 5}, r"numTraining is 5, found 3 cases \(a, b, c\)"),
        ({"labels": {"background": 0, "a": 1, "b": 3}}, "found 3, did you mean 2"),
        ({"labels": {"background": 1, "a": 2}}, "background"),
        ({"labels": {"tumor": 1}}, "background"),
        ({"labels": {"background": 0, "a": 1, "b": 2, "ignore": 7}}, "ignore"),
        ({"labels": REGIONS}, "regions_class_order"),
        ({"labels": REGIONS, "regions_class_order": [1]}, "regions_class_order"),
        ({"labels": {"background": 0, "r": [1, 4], "s": [2]}, "regions_class_order": [1, 2]}, r"\[3\] missing"),
    ],
)
def test_mistakes_in_dataset_json_are_assertion_errors(folder: Path, change: dict[str, Any], message: str) -> None:
    write_dataset_json(folder, 3, **change)

    with pytest.raises(AssertionError, match=message):
        verify_dataset_integrity(str(folder), 0)


def test_a_missing_or_malformed_dataset_json_is_named(folder: Path) -> None:
    (folder / "dataset.json").write_text("{ not json")
    assert "dataset.json" in problems_of(folder, DatasetLayoutError)
    (folder / "dataset.json").unlink()
    assert "dataset.json" in problems_of(folder, DatasetLayoutError)


@pytest.mark.parametrize("name", ["imagesTr", "labelsTr"])
def test_a_missing_folder_is_named(folder: Path, name: str) -> None:
    (folder / name).rename(folder / "elsewhere")

    assert f"folder missing: {folder / name}" in problems_of(folder, DatasetLayoutError)


def test_an_ending_that_no_reader_knows_is_named(folder: Path) -> None:
    for file in [*(folder / "imagesTr").iterdir(), *(folder / "labelsTr").iterdir()]:
        file.rename(file.with_suffix(".xyz"))
    write_dataset_json(folder, 3, file_ending=".xyz")

    assert ".xyz" in problems_of(folder, RuntimeError)


def test_a_stray_file_is_named(folder: Path) -> None:
    write_png(rgb_image(9), folder / "imagesTr" / "overview.png")

    assert "overview.png" in problems_of(folder, AssertionError)


def remove_label(folder: Path) -> None:
    (folder / "labelsTr" / "b.png").unlink()


def label(array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: write_png(array, folder / "labelsTr" / "b.png")


def image(array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: write_png(array, folder / "imagesTr" / "b_0000.png")


def turned_image(folder: Path) -> None:
    exif = Image.Exif()
    exif[274] = 3
    Image.fromarray(rgb_image(1)).save(folder / "imagesTr" / "b_0000.png", exif=exif)


def truncate(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def second_channel_without_first(folder: Path) -> None:
    (folder / "imagesTr" / "b_0000.png").rename(folder / "imagesTr" / "b_0002.png")


def ending_in_seg(folder: Path) -> None:
    (folder / "imagesTr" / "b_0000.png").rename(folder / "imagesTr" / "a_seg_0000.png")
    (folder / "labelsTr" / "b.png").rename(folder / "labelsTr" / "a_seg.png")


def colour_palette(folder: Path) -> None:
    Image.fromarray(rgb_image(1)).convert("RGBA").save(folder / "labelsTr" / "b.png")


@pytest.mark.parametrize(
    ("break_it", "kind", "message"),
    [
        (remove_label, DatasetLayoutError, r"label of case b is missing: .*labelsTr/b\.png"),
        (label(label_image(1, most=1) * 255), DatasetError, r"labelsTr/b\.png: found 255, did you mean 1\?"),
        (label(label_image(1) * 100), DatasetError, r"found 100, did you mean 1\?[\s\S]*found 200, did you mean 2\?"),
        (label(label_image(1, most=7)), DatasetError, r"found 7 \(\d+ voxel\(s\); dataset\.json has 0, 1, 2\)"),
        (label(label_image(1, 24, 30)), DatasetError, r"b\.png: shape \(1, 24, 30\), expected \(1, 24, 32\)"),
        (label(rgb_image(1)), DatasetError, r"labelsTr/b\.png: .*label"),
        (colour_palette, DatasetError, r"labelsTr/b\.png: .*label"),
        (image(rgb_image(1)[..., 0]), DatasetError, "json names 3; save grey images as RGB"),
        (
            image(np.dstack([rgb_image(1)] * 2)[..., :4]),
            DatasetError,
            "json names 3; save RGBA images without alpha",
        ),
        (truncate("imagesTr/b_0000.png"), DatasetError, r"imagesTr/b_0000\.png: "),
        (truncate("imagesTr/a_0000.png"), DatasetError, r"imagesTr/a_0000\.png: "),
        (truncate("labelsTr/b.png"), DatasetError, r"labelsTr/b\.png: "),
        (label(np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)), DatasetError, "755 more such values"),
        (turned_image, DatasetError, r"b_0000\.png: its orientation tag says turned by 180 degrees, that of .*b\.png"),
        (ending_in_seg, DatasetLayoutError, "case a_seg: the name ends in _seg"),
        (second_channel_without_first, DatasetLayoutError, "case b: channel files 0002, missing 0000"),
    ],
)
def test_a_broken_case_is_named_with_what_was_found_and_expected(
    folder: Path, break_it: Callable[[Path], None], kind: type[BaseException], message: str
) -> None:
    break_it(folder)

    with pytest.raises(kind, match=message) as caught:
        verify_dataset_integrity(str(folder), 0)
    assert isinstance(caught.value, RuntimeError)


def test_a_single_problem_names_the_folder_once(folder: Path) -> None:
    remove_label(folder)
    assert problems_of(folder, DatasetLayoutError).count(str(folder)) == 1
    (folder / "labelsTr" / "b.png").write_bytes((folder / "labelsTr" / "a.png").read_bytes())
    write_dataset_json(folder, 5)
    assert problems_of(folder, DatasetLayoutError).startswith(f"{folder}: dataset.json: numTraining is 5")


def test_all_problems_are_listed_together(folder: Path) -> None:
    write_dataset_json(folder, 4)
    remove_label(folder)
    write_png(label_image(0, most=1) * 255, folder / "labelsTr" / "a.png")
    image(rgb_image(2)[..., 0])(folder)
    write_png(rgb_image(3)[..., 0], folder / "imagesTr" / "c_0000.png")
    write_json({"domains": {"A": ["a", "bb"], "B": ["c"]}}, folder / "domains.json")
    write_json({"groups": {"aa": "patient"}}, folder / "groups.json")

    text = problems_of(folder, DatasetLayoutError)

    for part in (
        "numTraining is 4, found 3",
        "label of case b is missing",
        "found 255, did you mean 1?",
        "c_0000.png",
        "case 'b' is in no domain",
        "case 'bb' in domain 'A' does not exist",
        "groups.json: case 'aa' does not exist, did you mean 'a'?",
    ):
        assert part in text, part
    assert text.startswith(f"{folder}: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("domains.json", {"domains": {"A": ["a", "b"]}}, "case 'c' is in no domain"),
        ("domains.json", {"domains": {"A": ["a", "b"], "B": ["b", "c"]}}, "case 'b' "),
        ("domains.json", {"domains": {"A": ["a", "b", "c", "d"]}}, "case 'd' in domain 'A' does not exist"),
        ("domains.json", {"domain": {}}, "domains.json"),
        ("groups.json", {"groups": {"a": 1}}, "groups.json"),
        ("groups.json", {"groups": {"a": "p", "x": "p"}}, "case 'x' does not exist"),
    ],
)
def test_domains_and_groups_are_checked(folder: Path, name: str, content: Any, message: str) -> None:
    write_json(content, folder / name)

    assert message in problems_of(folder, DatasetLayoutError)


def test_sound_domains_and_partial_groups_pass(folder: Path) -> None:
    write_json({"domains": {"A": ["a", "b"], "B": ["c"]}}, folder / "domains.json")
    write_json({"groups": {"a": "patient 1"}}, folder / "groups.json")

    verify_dataset_integrity(str(folder), 0)


def test_of_very_many_unknown_cases_in_groups_some_are_listed(folder: Path) -> None:
    write_json({"groups": {f"a{number:05d}": "patient" for number in range(20_000)}}, folder / "groups.json")

    text = problems_of(folder, DatasetLayoutError)

    assert "case 'a00019' does not exist" in text
    assert "and 19980 more" in text


def test_a_dataset_without_cases_is_refused(folder: Path) -> None:
    for file in (folder / "imagesTr").iterdir():
        file.unlink()
    write_dataset_json(folder, 0)

    assert "numTraining is 0, found 0 cases" in problems_of(folder, DatasetLayoutError)


def test_files_that_dataset_json_lists_are_checked(folder: Path) -> None:
    files = {case: {"images": [f"imagesTr/{case}_0000.png"], "label": f"labelsTr/{case}.png"} for case in "ab"}
    write_dataset_json(folder, 2, dataset=files)
    verify_dataset_integrity(str(folder), 0)

    remove_label(folder)
    (folder / "imagesTr" / "a_0000.png").unlink()
    text = problems_of(folder, MissingFileError)
    assert "image of case a is missing" in text
    assert "label of case b is missing" in text
    with pytest.raises(FileNotFoundError):
        verify_dataset_integrity(str(folder), 0)


def test_remarks_are_logged_and_do_not_fail(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_png(np.zeros((24, 32), np.uint8), folder / "labelsTr" / "a.png")
    write_png(label_image(5), folder / "labelsTr" / "orphan.png")
    write_dataset_json(folder, 3, channel_names=None, modality=RGB_CHANNELS)

    verify_dataset_integrity(str(folder), 0)

    assert "labelsTr/a.png: only background" in caplog.text
    assert "labelsTr/orphan.png: no image belongs to it" in caplog.text
    assert "'modality' is the old name" in caplog.text


VOLUME = np.ones((3, 4, 5), np.float32)
LABELS = np.ones((3, 4, 5), np.uint8)


def volumes(folder: Path, ending: str, image: np.ndarray, label: np.ndarray) -> Path:
    write_volume(image, folder / "imagesTr" / f"v_0000{ending}")
    write_volume(label, folder / "labelsTr" / f"v{ending}")
    write_dataset_json(folder, 1, channel_names={"0": "MR"}, labels={"background": 0, "a": 1}, file_ending=ending)
    return folder


def test_nan_in_images_and_fractions_in_labels_are_found(tmp_path: Path) -> None:
    image, label = VOLUME.copy(), LABELS.astype(np.float32)
    image[0, 0, 0] = np.nan
    label[0, 0, :2] = 0.5, np.nan
    text = problems_of(volumes(tmp_path, ".nrrd", image, label), DatasetError)

    assert "v_0000.nrrd: contains NaN" in text
    assert "v.nrrd: found 0.5, expected a whole number (1 voxel(s); dataset.json has 0, 1)" in text
    assert "v.nrrd: found nan, expected a whole number" in text


def test_labels_stored_as_floats_pass(tmp_path: Path) -> None:
    verify_dataset_integrity(str(volumes(tmp_path, ".nrrd", VOLUME, LABELS.astype(np.float32))), 0)


def test_spacing_has_to_agree(tmp_path: Path) -> None:
    folder = volumes(tmp_path, ".nii.gz", VOLUME, LABELS)
    write_volume(LABELS, folder / "labelsTr" / "v.nii.gz", (2, 1, 1))

    assert "spacing [2.0, 1.0, 1.0], expected [1.0, 1.0, 1.0]" in problems_of(folder, DatasetError)


def test_another_origin_and_direction_is_a_remark(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import SimpleITK as sitk

    folder = volumes(tmp_path, ".nii.gz", VOLUME, LABELS)
    label = sitk.GetImageFromArray(LABELS)
    label.SetOrigin((5, 0, 0))
    label.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))
    sitk.WriteImage(label, str(folder / "labelsTr" / "v.nii.gz"))

    verify_dataset_integrity(str(folder), 0)
    assert "v.nii.gz: origin differs" in caplog.text
    assert "v.nii.gz: direction differs" in caplog.text


def test_another_affine_is_a_remark(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import nibabel

    for name, shift in (("imagesTr/v_0000.nii", 0), ("labelsTr/v.nii", 7)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        affine = np.eye(4)
        affine[0, 3] = shift
        nibabel.save(nibabel.Nifti1Image(LABELS, affine), tmp_path / name)
    write_dataset_json(tmp_path, 1, channel_names={"0": "MR"}, labels={"background": 0, "a": 1}, file_ending=".nii")

    verify_dataset_integrity(str(tmp_path), 0)
    assert "v.nii: affine differs" in caplog.text


def test_a_label_file_can_be_verified_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = str(folder / "labelsTr" / "a.png")

    assert verify_labels(file, NaturalImage2DIO, [0, 1, 2]) is True
    assert verify_labels(file, NaturalImage2DIO, [0, 1]) is False
    assert "found 2" in caplog.text


def test_a_case_can_be_checked_alone(folder: Path, tmp_path: Path) -> None:
    images, label_file = [str(folder / "imagesTr" / "a_0000.png")], str(folder / "labelsTr" / "a.png")
    assert check_cases(images, label_file, 3, NaturalImage2DIO) is True
    assert check_cases(images, label_file, 1, NaturalImage2DIO) is False

    volume = volumes(tmp_path / "v", ".nii.gz", VOLUME, LABELS * 9)
    files = [str(volume / "imagesTr" / "v_0000.nii.gz")], str(volume / "labelsTr" / "v.nii.gz")
    assert check_cases(*files, 1, SimpleITKIO) is True
    write_volume(LABELS.astype(np.float32) * np.nan, volume / "labelsTr" / "v.nrrd")
    assert check_cases(files[0], str(volume / "labelsTr" / "v.nrrd"), 1, SimpleITKIO) is False
    assert check_cases(*files, 1, NibabelIO) is True
