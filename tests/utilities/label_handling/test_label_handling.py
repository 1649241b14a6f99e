import numpy as np
import pytest
import torch

from nnunetv2.errors import DriftError
from nnunetv2.utilities.label_handling import label_handling
from nnunetv2.utilities.label_handling.label_handling import (
    LabelManager,
    convert_labelmap_to_one_hot,
    determine_num_input_channels,
    get_labelmanager_class_from_plans,
)
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

PLAIN = {"background": 0, "a": 1, "b": 2}
REGIONS = {"background": 0, "whole": [1, 2], "core": 2}


@pytest.fixture(params=["array", "tensor"])
def kind(request):
    """Turns an array into the kind under test, and what comes back into an array."""
    return torch.from_numpy if request.param == "tensor" else np.asarray


@pytest.fixture
def plain():
    return LabelManager(PLAIN, None)


@pytest.fixture
def regions():
    return LabelManager(REGIONS, [1, 2])


class TestMeaning:
    def test_plain_labels(self, plain):
        assert plain.all_labels == [0, 1, 2]
        assert plain.foreground_classes == plain.foreground_labels == [1, 2]
        assert plain.num_segmentation_heads == 3
        assert plain.all_regions is None
        assert not plain.has_regions
        assert not plain.has_ignore_label
        assert all(isinstance(label, np.int64) for label in plain.all_labels)

    def test_asking_plain_labels_for_foreground_regions_is_a_type_error(self, plain):
        with pytest.raises(TypeError):
            _ = plain.foreground_regions

    def test_regions_keep_their_order(self):
        labels = {"background": 0, "b": 2, "whole": [2, 1], "zero": [0, 0], "odd": (0, 1), "nil": [0]}

        manager = LabelManager(labels, [1, 2, 3])

        assert manager.all_regions == manager.foreground_regions == manager.foreground_classes == [2, (2, 1), (0, 1)]
        assert manager.all_labels == [0, 1, 2]
        assert manager.num_segmentation_heads == 3

    def test_an_ignore_label_is_neither_label_nor_region(self):
        manager = LabelManager({**REGIONS, "ignore": 3}, [1, 2])

        assert manager.ignore_label == 3
        assert manager.has_ignore_label
        assert manager.all_labels == [0, 1, 2]
        assert manager.all_regions == [(1, 2), 2]

    def test_regions_can_be_switched_off(self):
        manager = LabelManager(REGIONS, [1, 2], force_use_labels=True)

        assert not manager.has_regions
        assert manager.num_segmentation_heads == 3
        assert manager.all_regions is None

    def test_a_list_of_one_label_makes_no_regions(self):
        assert not LabelManager({"background": 0, "a": [1], "b": 2}, None).has_regions

    def test_background_is_filtered(self):
        assert LabelManager.filter_background([0, 1, (0,), (0, 1), [0, 0], ()]) == [1, (0, 1), ()]

    @pytest.mark.parametrize(
        ("labels", "order", "kind_of_error"),
        [
            ({"a": 1}, None, RuntimeError),
            ({"background": [0]}, None, RuntimeError),
            ({"background": 1}, None, AssertionError),
            (REGIONS, None, AssertionError),
            (REGIONS, [1], AssertionError),
            ({**PLAIN, "ignore": [3]}, None, AssertionError),
            ({**PLAIN, "ignore": 3.0}, None, AssertionError),
            ({**PLAIN, "ignore": 4}, None, AssertionError),
            ({**PLAIN, "ignore": 2}, None, AssertionError),
        ],
    )
    def test_impossible_labels_are_refused(self, labels, order, kind_of_error):
        with pytest.raises(kind_of_error, match=r"dataset\.json") as caught:
            LabelManager(labels, order)

        assert isinstance(caught.value, DriftError)

    def test_subclasses_may_count_heads_themselves(self):
        class OneHead(LabelManager):
            @property
            def num_segmentation_heads(self):
                return 1

        assert OneHead(PLAIN, None).convert_probabilities_to_segmentation(np.ones((1, 2))).tolist() == [0, 0]


class TestPredictions:
    def test_probabilities_are_float32_tensors(self, plain, regions, kind):
        logits = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float16)

        softmax = plain.apply_inference_nonlin(kind(logits))
        sigmoid = regions.apply_inference_nonlin(kind(logits[:2]))

        assert softmax.dtype == sigmoid.dtype == torch.float32
        torch.testing.assert_close(softmax, torch.softmax(torch.from_numpy(logits).float(), 0))
        torch.testing.assert_close(sigmoid, torch.sigmoid(torch.from_numpy(logits[:2]).float()))

    def test_another_function_may_be_given(self, kind):
        manager = LabelManager(PLAIN, None, inference_nonlin=torch.tanh)

        assert torch.equal(manager.apply_inference_nonlin(kind(np.zeros((3, 1)))), torch.zeros(3, 1))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_plain_labels_are_the_first_largest_channel(self, plain, kind, dtype):
        probabilities = np.array([[[0.2, 0.5, 0.1]], [[0.4, 0.5, 0.3]], [[0.4, 0.0, 0.6]]], dtype)

        labels = plain.convert_probabilities_to_segmentation(kind(probabilities))

        assert type(labels) is type(kind(probabilities))
        assert str(labels.dtype).endswith("int64")
        assert labels.tolist() == [[1, 0, 2]]

    def test_bfloat16_tensors_are_accepted(self, plain):
        assert plain.convert_logits_to_segmentation(torch.eye(3, dtype=torch.bfloat16)).tolist() == [0, 1, 2]

    def test_tensors_with_gradients_are_accepted(self, plain):
        assert plain.convert_logits_to_segmentation(torch.eye(3, requires_grad=True)).tolist() == [0, 1, 2]

    def test_regions_are_written_in_order_where_above_one_half(self, kind):
        manager = LabelManager(REGIONS, [7, 300])
        probabilities = np.array([[[0.9, 0.6, 0.5, 0.1]], [[0.6, 0.5, 0.5, 0.9]]], np.float32)

        labels = manager.convert_probabilities_to_segmentation(kind(probabilities))

        assert labels.tolist() == [[300, 7, 0, 300]]
        assert labels.dtype in (np.uint16, torch.int16)
        assert type(labels) is type(kind(probabilities))

    def test_logits_of_regions_pass_through_the_nonlinearity(self, regions, kind):
        logits = np.array([[[2.0, 0.1, -1.0]], [[-2.0, 0.2, -1.0]]], np.float32)

        labels = regions.convert_logits_to_segmentation(kind(logits))

        assert labels.tolist() == [[1, 2, 0]]
        assert type(labels) is type(kind(logits))

    def test_logits_of_plain_labels_need_no_nonlinearity(self, kind):
        def refuse(_):
            raise AssertionError("called without need")

        manager = LabelManager(PLAIN, None, inference_nonlin=refuse)

        assert manager.convert_logits_to_segmentation(kind(np.eye(3))).tolist() == [0, 1, 2]

    def test_a_wrong_number_of_channels_is_an_assertion_error(self, plain, kind):
        for convert in (plain.convert_probabilities_to_segmentation, plain.convert_logits_to_segmentation):
            with pytest.raises(AssertionError, match="labels require 3, first axis, got 2"):
                convert(kind(np.zeros((2, 4, 4))))

    def test_other_inputs_are_runtime_errors(self, plain):
        with pytest.raises(RuntimeError, match=r"Expected np.ndarray or torch.Tensor, got <class 'list'>"):
            plain.convert_probabilities_to_segmentation([[1]])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_a_crop_is_put_back_into_background(self, plain, regions, kind, dtype):
        inside = np.full((2, 1, 2), 0.25, dtype)

        whole = regions.revert_cropping_on_probabilities(kind(inside), [[1, 2], [0, 2]], (3, 3))

        expected = np.zeros((2, 3, 3), dtype)
        expected[:, 1, :2] = 0.25
        assert type(whole) is type(kind(inside))
        assert np.asarray(whole).dtype == dtype
        assert np.array_equal(np.asarray(whole), expected)

        plain_whole = plain.revert_cropping_on_probabilities(kind(np.zeros((3, 1, 1), dtype)), [[0, 1], [0, 1]], (1, 2))
        assert np.asarray(plain_whole).tolist() == [[[0, 1]], [[0, 0]], [[0, 0]]]


class TestOneHot:
    def test_each_label_gets_a_channel(self, kind):
        one_hot = convert_labelmap_to_one_hot(kind(np.array([[0, 1], [2, 2]])), [0, 1, 2])

        assert one_hot.tolist() == [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 1]]]
        assert one_hot.dtype in (np.uint8, torch.uint8)

    def test_arrays_may_contain_values_that_are_not_labels(self):
        assert convert_labelmap_to_one_hot(np.array([0, 7, 5]), [0, 5]).tolist() == [[1, 0, 0], [0, 0, 1]]

    @pytest.mark.parametrize("value", [3, -1])
    def test_tensors_may_not_contain_other_values(self, value):
        with pytest.raises(RuntimeError, match="out of bounds"):
            convert_labelmap_to_one_hot(torch.tensor([0, value]), [0, 1, 2])

    @pytest.mark.parametrize(("highest", "bits"), [(254, 8), (255, 16)])
    def test_many_labels_need_uint16(self, kind, highest, bits):
        one_hot = convert_labelmap_to_one_hot(kind(np.array([highest])), list(range(highest + 1)))

        assert one_hot.dtype == getattr(np if isinstance(one_hot, np.ndarray) else torch, f"uint{bits}")
        assert one_hot[highest].tolist() == [1]

    def test_the_type_may_be_chosen(self):
        assert convert_labelmap_to_one_hot(np.array([1]), [0, 1], bool).tolist() == [[False], [True]]
        assert convert_labelmap_to_one_hot(torch.tensor([1]), [0, 1], torch.float32).dtype == torch.float32

    @pytest.mark.parametrize("labels", [np.arange(3), torch.arange(3), (0, 1, 2)])
    def test_labels_may_be_any_sequence(self, labels, kind):
        assert convert_labelmap_to_one_hot(kind(np.array([2.0])), labels).tolist() == [[0], [0], [1]]


def test_a_cascade_adds_a_channel_for_each_foreground_label():
    plans = PlansManager(
        {
            "label_manager": "LabelManager",
            "configurations": {"low": {"architecture": {}}, "high": {"architecture": {}, "previous_stage": "low"}},
        }
    )
    content = {"channel_names": {"0": "a", "1": "b"}, "labels": PLAIN}

    assert determine_num_input_channels(plans, "low", content) == 2
    assert determine_num_input_channels(plans, "high", content) == 4
    assert (
        determine_num_input_channels(plans, plans.get_configuration("high"), {**content, "modality": {"0": "a"}}) == 3
    )


def test_the_finder_may_be_replaced_in_this_module(monkeypatch):
    monkeypatch.setattr(label_handling, "recursive_find_python_class", lambda *arguments: arguments[1])

    assert get_labelmanager_class_from_plans({"label_manager": "Mine"}) == "Mine"
