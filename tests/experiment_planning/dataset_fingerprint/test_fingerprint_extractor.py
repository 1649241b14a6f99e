"""The fingerprint of tiny datasets: what it holds, what it leaves behind, what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import CallError, CaseFailedError, DatasetError, DomainMapError, SettingsError
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import (
    label_image,
    rgb_image,
    write_dataset_json,
    write_json,
    write_png,
    write_rgb_dataset,
    write_volume,
)
from tests.stage_1_results import write_stage_1

NAME = "Dataset005_Tiny"


def extract(overwrite: bool = False, workers: int = 0, **options: Any) -> dict[str, Any]:
    extractor = DatasetFingerprintExtractor(NAME, workers, **options)
    extractor.show_progress_bar = False
    extractor.num_foreground_voxels_for_intensitystats = 1000
    return extractor.run(overwrite_existing=overwrite)


def write_volumes(folder: Path, volumes: list[tuple[np.ndarray, np.ndarray]], **entries: Any) -> None:
    """Write cases of (C, z, y, x) images and (z, y, x) labels with spacing 3, 1, 0.5."""
    for number, (channels, labels) in enumerate(volumes):
        for channel, image in enumerate(channels):
            write_volume(image, folder / "imagesTr" / f"v{number}_{channel:04d}.nrrd", (3, 1, 0.5))
        write_volume(labels, folder / "labelsTr" / f"v{number}.nrrd", (3, 1, 0.5))
    names = {str(channel): "MR" for channel in range(len(volumes[0][0]))}
    write_dataset_json(folder, len(volumes), **{"channel_names": names, "file_ending": ".nrrd", **entries})


@pytest.mark.parametrize("workers", [0, 2])
def test_all_foreground_pixels_of_rgb_images_count(nnunet_folders: NnunetFolders, workers: int) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)

    fingerprint = extract(workers=workers)

    foreground = [rgb_image(seed)[label_image(seed) > 0].astype(np.float64) for seed in range(3)]
    mean = np.mean([case.mean(0) for case in foreground], 0)
    std = np.sqrt(np.mean([((case - mean) ** 2).mean(0) for case in foreground], 0))
    assert fingerprint["spacings"] == [[999, 1, 1]] * 3
    assert fingerprint["shapes_after_crop"] == [[1, 24, 32]] * 3
    assert fingerprint["median_relative_size_after_cropping"] == 1.0
    for channel in range(3):
        properties = fingerprint["foreground_intensity_properties_per_channel"][str(channel)]
        assert properties["mean"] == pytest.approx(mean[channel], rel=1e-12)
        assert properties["std"] == pytest.approx(std[channel], rel=1e-12)


def test_floats_in_two_channels_with_a_border_of_zeros_and_an_empty_case(nnunet_folders: NnunetFolders) -> None:
    rng = np.random.default_rng(1)
    images = rng.normal(-5, 40, (3, 2, 6, 7, 8)).astype(np.float32)
    images[0, :, :2] = images[0, :, :, :, 6:] = 0
    labels = rng.integers(0, 4, (3, 6, 7, 8)).astype(np.uint8)
    labels[2] = 0
    entries = {"labels": {"background": 0, "a": 1, "b": 2, "ignore": 3}}
    write_volumes(nnunet_folders.raw / NAME, list(zip(images, labels, strict=True)), **entries)

    fingerprint = extract()

    assert fingerprint["shapes_after_crop"] == [[4, 7, 6], [6, 7, 8], [6, 7, 8]]
    assert fingerprint["spacings"] == [[3.0, 1.0, 0.5]] * 3
    assert fingerprint["median_relative_size_after_cropping"] == 1.0
    cropped = [(images[0][:, 2:, :, :6], labels[0][2:, :, :6]), (images[1], labels[1])]
    for channel in range(2):
        values = [image[channel][label > 0].astype(np.float64) for image, label in cropped]
        properties = fingerprint["foreground_intensity_properties_per_channel"][str(channel)]
        assert properties["mean"] == pytest.approx(np.mean([case.mean() for case in values]), rel=1e-9)
        assert properties["min"] == min(case.min() for case in values)
        below = np.mean([(case <= properties["median"]).mean() for case in values])
        assert below == pytest.approx(0.5, abs=0.01)


def test_the_file_has_sorted_keys_and_nothing_else_stays(nnunet_folders: NnunetFolders) -> None:
    write_volumes(nnunet_folders.raw / NAME, [(np.full((1, 2, 3, 4), 0.5, np.float32), np.ones((2, 3, 4), np.uint8))])
    returned = extract()
    folder = nnunet_folders.preprocessed / NAME

    assert [file.name for file in folder.iterdir()] == ["dataset_fingerprint.json"]
    text = (folder / "dataset_fingerprint.json").read_text()
    assert text == json.dumps(json.loads(text), indent=4, sort_keys=True)
    assert json.loads(text) == returned


def test_an_existing_fingerprint_is_read_unless_overwritten(
    nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    write_json({"spacings": [[999, 1, 1]]}, nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json")

    assert extract() == {"spacings": [[999, 1, 1]]}
    assert "the fingerprint has 1 cases, imagesTr 3" in caplog.text
    assert "spacings" in extract(overwrite=True)


def test_stock_sampling_draws_with_replacement_from_each_case(nnunet_folders: NnunetFolders) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME, cases=("a", "b"))
    extractor = DatasetFingerprintExtractor(NAME, 0, stock_sampling=True)
    extractor.show_progress_bar = False
    extractor.num_foreground_voxels_for_intensitystats = 50

    properties = extractor.run()["foreground_intensity_properties_per_channel"]

    draws = []
    for seed in range(2):
        values = rgb_image(seed)[label_image(seed) > 0].astype(np.float32)
        stream = np.random.RandomState(1234)
        draws.append([values[stream.randint(0, len(values), 25), channel] for channel in range(3)])
    for channel in range(3):
        drawn = np.concatenate([case[channel] for case in draws])
        assert properties[str(channel)]["mean"] == float(drawn.mean())
        assert properties[str(channel)]["std"] == float(drawn.std())


def test_a_subclass_with_its_own_analysis_is_asked(nnunet_folders: NnunetFolders) -> None:
    class Mine(DatasetFingerprintExtractor):
        @staticmethod
        def analyze_case(*_: Any, **__: Any) -> Any:
            return (1, 2, 3), [1, 1, 1], [np.array([4.0, 6.0])] * 3, [{}] * 3, np.float64(0.5)

    write_rgb_dataset(nnunet_folders.raw / NAME)
    fingerprint = Mine(NAME, 0).run()

    assert fingerprint["shapes_after_crop"] == [[1, 2, 3]] * 3
    assert fingerprint["foreground_intensity_properties_per_channel"]["2"]["mean"] == 5
    assert fingerprint["median_relative_size_after_cropping"] == 0.5


def test_foreground_of_one_case_can_be_collected_alone() -> None:
    images = np.arange(24, dtype=np.float32).reshape(2, 1, 3, 4)
    segmentation = np.zeros((1, 1, 3, 4))
    segmentation[0, 0, 1] = 1

    drawn, statistics = DatasetFingerprintExtractor.collect_foreground_intensities(segmentation, images, num_samples=7)
    nothing, empty = DatasetFingerprintExtractor.collect_foreground_intensities(segmentation * 0, images)

    assert [len(values) for values in drawn] == [7, 7]
    assert set(drawn[0].tolist()) <= {4, 5, 6, 7}
    assert (statistics[1]["mean"], statistics[1]["max"]) == (17.5, 19)
    assert nothing == [[], []]
    assert np.isnan(empty[0]["mean"])


@pytest.mark.parametrize("what", ["images", "segmentation", "axes"])
def test_nan_and_missing_axes_are_refused_as_assertion_errors(what: str) -> None:
    images, segmentation = np.ones((1, 2, 2, 2)), np.ones((1, 2, 2, 2))
    if what == "images":
        images[0, 0, 0, 0] = np.nan
    elif what == "segmentation":
        segmentation[0, 0, 0, 0] = np.nan
    else:
        images = images[0]

    with pytest.raises(AssertionError):
        DatasetFingerprintExtractor.collect_foreground_intensities(segmentation, images)


def test_the_axes_are_named() -> None:
    with pytest.raises(CallError, match="expected 4 each"):
        DatasetFingerprintExtractor.collect_foreground_intensities(np.ones((2, 2)), np.ones((1, 2, 2, 2)))


def test_no_foreground_anywhere_is_an_error_and_nothing_is_written(nnunet_folders: NnunetFolders) -> None:
    folder = write_rgb_dataset(nnunet_folders.raw / NAME)
    for case in ("a", "b", "c"):
        write_png(np.zeros((24, 32), np.uint8), folder / "labelsTr" / f"{case}.png")

    with pytest.raises(DatasetError, match="contains anything but background"):
        extract()
    assert list((nnunet_folders.preprocessed / NAME).iterdir()) == []


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "labelsTr" / "b.png").unlink(), r"case b: .*labelsTr/b\.png"),
        (
            lambda f: write_png(label_image(1, 20, 32), f / "labelsTr" / "b.png"),
            r"case b: .*b\.png: shape \(1, 20, 32\)",
        ),
        (lambda f: write_png(rgb_image(1), f / "labelsTr" / "b.png"), r"case b: .*label"),
        (
            lambda f: write_png(rgb_image(1)[..., 0], f / "imagesTr" / "b_0000.png"),
            r"b_0000\.png: 1 channel\(s\),.* names 3",
        ),
        (lambda f: (f / "imagesTr" / "b_0000.png").write_bytes(b"no image"), r"case b: .*b_0000\.png"),
    ],
)
@pytest.mark.parametrize("stock_sampling", [False, True])
def test_a_broken_case_is_named(
    nnunet_folders: NnunetFolders, break_it: Any, message: str, stock_sampling: bool
) -> None:
    break_it(write_rgb_dataset(nnunet_folders.raw / NAME))

    with pytest.raises(CaseFailedError, match=message):
        extract(stock_sampling=stock_sampling)
    assert not (nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json").exists()


def test_infinite_foreground_is_refused(nnunet_folders: NnunetFolders) -> None:
    image = np.ones((1, 2, 3, 4), np.float32)
    image[0, 0, 0, 0] = np.inf
    write_volumes(nnunet_folders.raw / NAME, [(image, np.ones((2, 3, 4), np.uint8))])

    with pytest.raises(CaseFailedError, match="infinite values in the foreground of channel 0"):
        extract()


def test_a_dataset_without_images_is_refused(nnunet_folders: NnunetFolders) -> None:
    (nnunet_folders.raw / NAME / "imagesTr").mkdir(parents=True)
    write_dataset_json(nnunet_folders.raw / NAME, 0)

    with pytest.raises(DatasetError, match="no training cases"):
        extract()


def test_domain_files_are_checked_and_copied(nnunet_folders: NnunetFolders) -> None:
    folder = write_rgb_dataset(nnunet_folders.raw / NAME)
    write_json({"domains": {"A": ["a"], "B": ["b"]}}, folder / "domains.json")
    with pytest.raises(DomainMapError, match="'c' is in no domain"):
        extract()

    write_json({"domains": {"A": ["a"], "B": ["b", "c"]}}, folder / "domains.json")
    write_stage_1(folder, {"A": 0.6, "B": 0.4})
    extract()
    for name in ("domains.json", "prism_dd.json"):
        assert (nnunet_folders.preprocessed / NAME / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_that_cannot_be_made_is_named(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "file" / "below"))

    with pytest.raises(SettingsError, match=r"cannot create .*Check nnUNet_preprocessed"):
        extract()
