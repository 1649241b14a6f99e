"""The reference is the conversion of all resampled logits at once."""

from functools import partial

import numpy as np
import pytest
import torch

from nnunetv2.errors import WrongShapeError
from nnunetv2.inference import channelwise_labels
from nnunetv2.inference.channelwise_labels import goes_class_by_class, write_labels_class_by_class
from nnunetv2.inference.label_conversion import labels_and_probabilities
from nnunetv2.preprocessing.resampling import default_resampling
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet
from nnunetv2.utilities.label_handling.label_handling import LabelManager

SHAPE = (9, 14, 11)
LABELS = {
    "labels": LabelManager({"background": 0, **{f"class{number}": number for number in range(1, 12)}}, None),
    "labels with gaps": LabelManager({"background": 0, "a": 3, "b": 300}, None),
    "regions": LabelManager({"background": 0, "whole": [1, 2, 3], "core": [2, 3], "inner": [3]}, [1, 2, 3]),
}


@pytest.fixture(autouse=True, params=[2**20, 200])
def size_of_slabs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channelwise_labels, "_VOXELS_AT_ONCE", request.param)


def resample(logits: np.ndarray, order: int = 1) -> np.ndarray:
    return resample_data_or_seg_to_shape(logits, SHAPE, (1, 1, 1), (1, 1, 1), order=order)


def logits_of(labels: LabelManager, seed: int = 0) -> np.ndarray:
    """Return logits with many ties."""
    values = np.random.default_rng(seed).normal(size=(labels.num_segmentation_heads, 6, 10, 15))
    return np.round(values).astype(np.float16)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_every_voxel_gets_the_label_of_all_classes_at_once(labels, order, kind):
    logits = logits_of(labels)
    box = [[0, length] for length in SHAPE]
    expected, _ = labels_and_probabilities(resample(logits, order), labels, SHAPE, box, False)
    found = np.zeros(SHAPE, expected.dtype)
    given = torch.from_numpy(logits) if kind == "tensor" else logits
    write_labels_class_by_class(found, given, partial(resample, order=order), labels)
    assert np.array_equal(found, expected)
    assert len(np.unique(found)) > 2


def test_nan_counts_as_the_largest_value_as_in_numpy():
    labels = LABELS["labels with gaps"]
    logits = logits_of(labels)
    logits[1, :, 2] = logits[2, :, 2:4] = np.nan
    found = np.zeros(logits.shape[1:], np.uint16)
    write_labels_class_by_class(found, logits, lambda values: values.copy(), labels)
    assert np.array_equal(found, np.array([0, 3, 300])[logits.argmax(0)])


def test_one_class_is_resampled_at_a_time():
    labels, seen = LABELS["labels"], []

    def noting(logits: np.ndarray) -> np.ndarray:
        seen.append(len(logits))
        return resample(logits)

    write_labels_class_by_class(np.zeros(SHAPE, np.uint8), logits_of(labels), noting, labels)
    assert seen == [1] * 12


def test_another_number_of_channels_is_refused():
    with pytest.raises(WrongShapeError, match="require 12"):
        write_labels_class_by_class(np.zeros(SHAPE), np.zeros((3, 2, 2, 2)), resample, LABELS["labels"])


class OfAClient(LabelManager):
    pass


def test_what_may_mix_classes_gets_all_of_them():
    default = partial(resample_data_or_seg_to_shape, is_seg=False)
    plain = LABELS["regions"]
    assert goes_class_by_class(plain, default)
    assert not goes_class_by_class(plain, partial(resample_torch_fornnunet, is_seg=False))
    assert not goes_class_by_class(OfAClient({"background": 0, "a": 1}, None), default)
    softmax = LabelManager(plain.label_dict, plain.regions_class_order, inference_nonlin=lambda x: x.softmax(0))
    assert not goes_class_by_class(softmax, default)


def test_a_replaced_method_of_the_label_manager_gets_all_classes(monkeypatch):
    default = partial(resample_data_or_seg_to_shape, is_seg=False)
    monkeypatch.setattr(LabelManager, "convert_logits_to_segmentation", lambda self, logits: logits[0])
    assert not goes_class_by_class(LABELS["labels"], default)


def test_replaced_parts_of_the_resampling_get_all_classes_together(monkeypatch):
    default = partial(default_resampling.resample_data_or_seg_to_shape, order=1)
    assert goes_class_by_class(LABELS["labels"], default)
    monkeypatch.setattr(default_resampling, "resample_data_or_seg", lambda data, *_: data)
    assert not goes_class_by_class(LABELS["labels"], default)
