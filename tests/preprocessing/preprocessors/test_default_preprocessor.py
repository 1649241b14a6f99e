from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import UnfitImageError
from nnunetv2.pathology.stain.intensities_entry import PROPERTY
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg
from tests.preprocessing.factories import DATASET_JSON, managers, plans, write_tiles
from tests.preprocessing.own_preprocessors import (
    CountsInstances,
    DoublesArrays,
    KeepsFloatTargets,
    RegistersItsLabelManager,
)

RANDOM = np.random.default_rng(0)
ONE_CHANNEL = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1, "b": 2}, "file_ending": ".nii.gz"}


def volume(shape: tuple[int, int, int] = (6, 20, 24)) -> tuple[np.ndarray, np.ndarray]:
    """An image with a rim of zeros, and labels."""
    data = np.zeros((1, *shape), np.float32)
    data[:, 1:, 2:-3, 1:-1] = RANDOM.normal(100, 30, (1, shape[0] - 1, shape[1] - 5, shape[2] - 2))
    return data, RANDOM.integers(0, 3, (1, *shape)).astype(np.float32)


class TestArrays:
    def test_nothing_but_normalisation_happens_at_the_target_spacing(self) -> None:
        data = RANDOM.integers(1, 256, (3, 1, 12, 14)).astype(np.float32)
        seg = RANDOM.integers(0, 3, (1, 1, 12, 14)).astype(np.float32)

        result, result_seg, properties = DefaultPreprocessor().run_case_npy(
            data, seg, {"spacing": (999, 1, 1)}, *managers(plans()), DATASET_JSON
        )

        expected = [(channel - channel.mean()) / channel.std() for channel in data]
        np.testing.assert_allclose(result, expected, atol=1e-6)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result_seg, seg)
        assert result_seg.dtype == np.int8
        assert list(properties) == [
            "spacing",
            "shape_before_cropping",
            "bbox_used_for_cropping",
            "shape_after_cropping_and_before_resampling",
            PROPERTY,
            "class_locations",
        ]
        np.testing.assert_allclose(properties[PROPERTY]["offset"], data.mean(axis=(1, 2, 3)), rtol=1e-6)
        assert list(properties["class_locations"]) == [1, 2]

    def test_inputs_stay_and_properties_are_completed_in_place(self) -> None:
        data, seg = volume()
        before = data.copy(), seg.copy()
        properties = {"spacing": [3.0, 1.0, 1.0]}
        content = plans((3.0, 1.0, 1.0), ["CTNormalization"])

        result = DefaultPreprocessor().run_case_npy(data, seg, properties, *managers(content), ONE_CHANNEL)

        np.testing.assert_array_equal(data, before[0])
        np.testing.assert_array_equal(seg, before[1])
        assert result[2] is properties
        assert properties["spacing"] == [3.0, 1.0, 1.0]

    def test_a_volume_is_transposed_cropped_normalised_and_resampled_in_this_order(self) -> None:
        data, seg = volume()
        content = plans((1.5, 2.0, 2.0), ["CTNormalization"], transpose_forward=(1, 0, 2))

        result, result_seg, properties = DefaultPreprocessor().run_case_npy(
            data, seg, {"spacing": [2.0, 1.0, 1.0]}, *managers(content), ONE_CHANNEL
        )

        box = (slice(2, 17), slice(1, 6), slice(1, 23))
        turned = data.transpose(0, 2, 1, 3)[(slice(None), *box)]
        scaled = (turned.clip(10, 240) - 100) / 20
        np.testing.assert_allclose(result, resample_data_or_seg(scaled, (10, 5, 11)), atol=1e-5)
        turned_seg = seg.transpose(0, 2, 1, 3)[(slice(None), *box)].copy()
        turned_seg[(turned == 0) & (turned_seg == 0)] = -1
        np.testing.assert_array_equal(result_seg, resample_data_or_seg(turned_seg, (10, 5, 11), True, order=1))
        assert properties["shape_before_cropping"] == (20, 6, 24)
        assert properties["bbox_used_for_cropping"] == [[2, 17], [1, 6], [1, 23]]
        assert properties["shape_after_cropping_and_before_resampling"] == (15, 5, 22)

    def test_a_2d_configuration_keeps_the_slices_of_a_volume(self) -> None:
        data, _ = volume()
        content = plans((2.0, 2.0), ["CTNormalization"])
        result, _, _ = DefaultPreprocessor().run_case_npy(
            data, None, {"spacing": [5.0, 1.0, 1.0]}, *managers(content), ONE_CHANNEL
        )
        assert result.shape == (1, 5, 8, 11)

    def test_without_labels_the_mask_comes_back_and_nothing_is_located(self) -> None:
        data, _ = volume()
        content = plans((3.0, 1.0, 1.0), ["CTNormalization"])
        _, seg, properties = DefaultPreprocessor().run_case_npy(
            data, None, {"spacing": [3.0, 1.0, 1.0]}, *managers(content), ONE_CHANNEL
        )
        assert seg.dtype == np.int8
        assert set(np.unique(seg)) <= {-1, 0}
        assert "class_locations" not in properties

    def test_statistics_can_be_taken_inside_the_mask(self) -> None:
        data, seg = volume()
        content = plans((3.0, 1.0, 1.0), ["ZScoreNormalization"], use_mask_for_norm=[True])
        seg[:] = 0
        data[0, 3, 5, 5:8] = 0  # filled, so inside
        data[0, -1, 5, 5] = 0  # a hole at the border, so outside

        result, result_seg, _ = DefaultPreprocessor().run_case_npy(
            data, seg, {"spacing": [3.0, 1.0, 1.0]}, *managers(content), ONE_CHANNEL
        )

        inside = result_seg >= 0
        assert not inside.all()
        np.testing.assert_allclose([result[inside].mean(), result[inside].std()], [0, 1], atol=1e-5)
        assert (result[~inside] == 0).all()

    def test_regions_and_the_ignore_label_are_located_in_the_order_of_dataset_json(self) -> None:
        labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "single": 3, "ignore": 4}
        dataset_json = {**DATASET_JSON, "labels": labels, "regions_class_order": [1, 2, 3]}
        data = RANDOM.integers(1, 256, (3, 1, 12, 14)).astype(np.float32)
        seg = RANDOM.integers(0, 5, (1, 1, 12, 14)).astype(np.float32)

        _, _, properties = DefaultPreprocessor().run_case_npy(
            data, seg, {"spacing": (999, 1, 1)}, *managers(plans()), dataset_json
        )

        locations = properties["class_locations"]
        assert list(locations) == [(1, 2, 3), (2, 3), 3, (-1, 0, 1, 2, 3)]
        assert {len(rows) for rows in locations.values()} == {(np.isin(seg, key)).sum() for key in locations}

    @pytest.mark.parametrize(("largest", "dtype"), [(127, np.int8), (128, np.int16)])
    def test_labels_above_127_need_16_bits(self, largest: int, dtype: type) -> None:
        data = np.ones((3, 1, 4, 4), np.float32)
        seg = np.full((1, 1, 4, 4), largest, np.uint8)
        _, result, _ = DefaultPreprocessor().run_case_npy(
            data, seg, {"spacing": (999, 1, 1)}, *managers(plans()), DATASET_JSON
        )
        assert result.dtype == dtype
        assert (result == largest).all()

    @pytest.mark.parametrize("resampling", ["resample_data_or_seg_to_shape", "resample_torch_fornnunet"])
    def test_an_image_of_which_nothing_is_left_is_refused(self, resampling: str) -> None:
        functions = {"resampling_fn_data": resampling, "resampling_fn_data_kwargs": {"is_seg": False}}
        content = plans((3.0, 9.0, 1.0), ["CTNormalization"], **functions)
        data = np.ones((1, 4, 4, 4), np.float32)
        with pytest.raises(
            UnfitImageError, match=r"too small: .*shape \(4, 4, 4\) at spacing 3 x 1 x 1, which becomes \(4, 0, 4\)"
        ):
            DefaultPreprocessor().run_case_npy(
                data, np.zeros_like(data), {"spacing": [3.0, 1.0, 1.0]}, *managers(content), ONE_CHANNEL
            )

    def test_without_resampling_the_size_at_the_spacing_of_the_plans_does_not_matter(self) -> None:
        functions = {f"resampling_fn_{role}": "no_resampling_hack" for role in ("data", "seg")}
        settings = {f"resampling_fn_{role}_kwargs": {} for role in ("data", "seg")}
        content = plans((3.0, 9.0, 1.0), ["CTNormalization"], **functions, **settings)
        data = np.ones((1, 4, 4, 4), np.float32)
        result, _, _ = DefaultPreprocessor().run_case_npy(
            data, None, {"spacing": [3.0, 1.0, 1.0]}, *managers(content), ONE_CHANNEL
        )
        assert result.shape == data.shape

    def test_labels_that_16_bits_cannot_hold_are_refused(self) -> None:
        seg = np.full((1, 1, 4, 4), 40000, np.int32)
        with pytest.raises(UnfitImageError, match="found label 40000; preprocessed cases hold labels up to 32767"):
            DefaultPreprocessor().run_case_npy(
                np.ones((3, 1, 4, 4)), seg, {"spacing": (999, 1, 1)}, *managers(plans()), DATASET_JSON
            )

    @pytest.mark.parametrize("channels", [1, 4])
    def test_there_has_to_be_a_channel_for_each_normalisation(self, channels: int) -> None:
        with pytest.raises(UnfitImageError, match=rf"{channels} channel\(s\), the plans normalise 3"):
            DefaultPreprocessor().run_case_npy(
                np.ones((channels, 1, 4, 4)), None, {"spacing": (999, 1, 1)}, *managers(plans()), DATASET_JSON
            )

    def test_image_and_labels_need_one_shape(self) -> None:
        with pytest.raises(AssertionError, match=r"the segmentation: shape \(1, 4, 5\), expected \(1, 4, 4\)"):
            DefaultPreprocessor().run_case_npy(
                np.ones((3, 1, 4, 4)), np.ones((1, 1, 4, 5)), {"spacing": (999, 1, 1)}, *managers(plans()), DATASET_JSON
            )

    def test_an_unknown_normalisation_is_an_error(self) -> None:
        with pytest.raises(RuntimeError, match="no normalization scheme named 'Nothing'"):
            DefaultPreprocessor().run_case_npy(
                np.ones((3, 1, 4, 4)),
                None,
                {"spacing": (999, 1, 1)},
                *managers(plans(schemes=["Nothing"] * 3)),
                DATASET_JSON,
            )


class TestFiles:
    @pytest.fixture
    def tiles(self, tmp_path: Path) -> Path:
        return write_tiles(tmp_path / "raw", tmp_path / "preprocessed")[0]

    @staticmethod
    def run_case(tiles: Path, preprocessor: DefaultPreprocessor | None = None) -> tuple[np.ndarray, np.ndarray, dict]:
        files = [str(tiles / "imagesTr" / "a_0000.png")], str(tiles / "labelsTr" / "a.png")
        return (preprocessor or DefaultPreprocessor()).run_case(*files, *managers(plans()), str(tiles / "dataset.json"))

    def test_files_give_what_their_arrays_give(self, tiles: Path) -> None:
        pixels = np.asarray(Image.open(tiles / "imagesTr" / "a_0000.png"))
        labels = np.asarray(Image.open(tiles / "labelsTr" / "a.png"))

        data, seg, properties = self.run_case(tiles)

        expected = DefaultPreprocessor().run_case_npy(
            pixels.transpose(2, 0, 1)[:, None],
            labels[None, None].astype(np.float32),
            {"spacing": (999, 1, 1)},
            *managers(plans()),
            DATASET_JSON,
        )
        np.testing.assert_array_equal(data, expected[0])
        np.testing.assert_array_equal(seg, expected[1])
        assert properties["bbox_used_for_cropping"] == [[0, 1], [3, 40], [0, 50]]

    def test_a_mask_without_the_orientation_tag_of_its_image_is_refused(self, tiles: Path) -> None:
        image, mask = tiles / "imagesTr" / "a_0000.png", tiles / "labelsTr" / "a.png"
        exif = Image.Exif()
        exif[274] = 3
        pixels, labels = np.asarray(Image.open(image)), np.asarray(Image.open(mask))
        Image.fromarray(pixels).save(image, exif=exif)
        with pytest.raises(UnfitImageError, match=r"a_0000\.png: its orientation tag says turned by 180 degrees"):
            self.run_case(tiles)
        Image.fromarray(labels).save(mask, exif=exif)
        np.testing.assert_array_equal(self.run_case(tiles)[1][0, 0], labels[::-1, ::-1][:37])

    def test_an_overridden_method_for_arrays_is_used_for_files(self, tiles: Path) -> None:
        data, _, _ = self.run_case(tiles, DoublesArrays())
        expected, _, _ = self.run_case(tiles)
        np.testing.assert_allclose(data, expected, atol=1e-6)  # z-scores do not notice the factor
        content = plans(schemes=["NoNormalization"] * 3)
        files = [str(tiles / "imagesTr" / "a_0000.png")], None
        doubled, _, _ = DoublesArrays().run_case(*files, *managers(content), DATASET_JSON)
        plain, _, _ = DefaultPreprocessor().run_case(*files, *managers(content), DATASET_JSON)
        np.testing.assert_array_equal(doubled, plain * 2)

    def test_a_replaced_method_for_arrays_is_used_for_files(self, tiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(DefaultPreprocessor, "run_case_npy", lambda self, data, *_: (data.shape, None, {}))
        assert self.run_case(tiles)[0] == (3, 1, 40, 50)

    def test_a_label_that_dataset_json_does_not_have_is_named_with_the_file(self, tiles: Path) -> None:
        labels = np.asarray(Image.open(tiles / "labelsTr" / "a.png"))
        Image.fromarray(np.where(labels == 1, 255, labels).astype(np.uint8)).save(tiles / "labelsTr" / "a.png")
        with pytest.raises(UnfitImageError, match=r"labelsTr/a\.png: found 255, did you mean 1\?"):
            self.run_case(tiles)

    def test_a_mask_of_another_shape_is_named_with_the_file(self, tiles: Path) -> None:
        Image.fromarray(np.zeros((41, 50), np.uint8)).save(tiles / "labelsTr" / "a.png")
        with pytest.raises(UnfitImageError, match=r"labelsTr/a\.png: shape \(1, 41, 50\), expected \(1, 40, 50\)"):
            self.run_case(tiles)

    def test_surplus_channels_are_named_with_the_file(self, tiles: Path) -> None:
        Image.fromarray(np.ones((40, 50, 4), np.uint8)).save(tiles / "imagesTr" / "a_0000.png")
        with pytest.raises(UnfitImageError, match=r"a_0000\.png: 4 channel\(s\), dataset\.json names 3"):
            self.run_case(tiles)

    def test_a_subclass_for_regression_gets_its_numbers_as_they_are(self, tiles: Path) -> None:
        targets = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
        Image.fromarray(targets).save(tiles / "labelsTr" / "a.tif")
        files = [str(tiles / "imagesTr" / "a_0000.png")], str(tiles / "labelsTr" / "a.tif")

        _, seg, _ = KeepsFloatTargets().run_case(*files, *managers(plans()), DATASET_JSON)

        np.testing.assert_array_equal(seg[0, 0], targets)
        with pytest.raises(UnfitImageError, match=r"a\.tif: .*expected a whole number"):
            DefaultPreprocessor().run_case(*files, *managers(plans()), DATASET_JSON)

    def test_arrays_that_a_subclass_hands_on_are_checked_with_the_names_of_their_files(self, tiles: Path) -> None:
        Image.fromarray(np.full((40, 50), 255, np.uint8)).save(tiles / "labelsTr" / "a.png")
        with pytest.raises(UnfitImageError, match=r"labelsTr/a\.png: found 255, did you mean 1\?"):
            self.run_case(tiles, DoublesArrays())
        image = np.ones((3, 1, 4, 4), np.float32)
        DoublesArrays().run_case_npy(
            image, np.full((1, 1, 4, 4), 7), {"spacing": [9, 1, 1]}, *managers(plans()), DATASET_JSON
        )

    def test_labels_that_the_hook_makes_may_be_any_in_the_file(self, tiles: Path) -> None:
        instances = np.arange(2000, dtype=np.uint16).reshape(40, 50) % 300
        Image.fromarray(instances).save(tiles / "labelsTr" / "a.png")
        _, seg, _ = self.run_case(tiles, CountsInstances())
        assert set(np.unique(seg)) <= {-1, 0, 1}

    def test_a_label_manager_may_be_registered_where_arrays_are_preprocessed(self, tiles: Path) -> None:
        content = {**plans(), "label_manager": "OwnLabelManager"}
        files = [str(tiles / "imagesTr" / "a_0000.png")], str(tiles / "labelsTr" / "a.png")
        _, seg, properties = RegistersItsLabelManager().run_case(*files, *managers(content), DATASET_JSON)
        assert seg.max() == 2
        assert list(properties["class_locations"]) == [1, 2]
