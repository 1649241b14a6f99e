from typing import Any

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

from nnunetv2.errors import CaseFailedError
from nnunetv2.foundation.random_streams import RandomStreams
from nnunetv2.training.data_augmentation.batched import changes
from nnunetv2.training.data_augmentation.default_pipeline import spatial_steps, training_pipeline, validation_pipeline
from nnunetv2.training.data_augmentation.deferred import deferring_pipeline
from nnunetv2.training.data_augmentation.fast_pipeline import fast_training_pipeline
from nnunetv2.training.dataloading import data_loader
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.seeded_batches import BatchStreams
from tests.training.dataloading.datasets import LABELS, LABELS_WITH_IGNORE, BrokenDataset, NumberDataset


def make(dataset: Any = None, batch_size: int = 2, patch=(20, 20), final=None, **options: Any) -> nnUNetDataLoader:
    options.setdefault("label_manager", LABELS)
    return nnUNetDataLoader(dataset or NumberDataset(), batch_size, patch, final or patch, **options)


@pytest.fixture(autouse=True)
def _seed() -> None:
    np.random.seed(0)


def test_a_2d_batch_has_nnunets_keys_shapes_and_types() -> None:
    batch = next(make(batch_size=3))
    assert list(batch) == ["data", "target", "keys"]
    assert (batch["data"].shape, batch["data"].dtype) == ((3, 3, 20, 20), torch.float32)
    assert (batch["target"].shape, batch["target"].dtype) == ((3, 1, 20, 20), torch.int16)
    assert batch["keys"].shape == (3,)


def test_the_keys_name_the_cases_of_the_batch() -> None:
    batch = next(make(batch_size=8))
    for case, image in zip(batch["keys"], batch["data"], strict=True):
        assert image.max() == int(case.removeprefix("case_")) + 1


def test_a_3d_patch_of_a_small_image_is_padded_as_outside() -> None:
    batch = next(make(NumberDataset(shape=(4, 10, 10)), patch=(8, 12, 12), batch_size=1))
    assert batch["data"].shape == (1, 3, 8, 12, 12)
    assert (batch["data"][0, 0] == 0).sum() == 8 * 12 * 12 - 4 * 10 * 10
    assert (batch["target"][0, 0] == -1).sum() == 8 * 12 * 12 - 4 * 10 * 10


def test_a_2d_patch_of_a_volume_is_one_slice() -> None:
    dataset = NumberDataset(shape=(5, 30, 40))
    assert next(make(dataset, batch_size=1))["data"].shape == (1, 3, 20, 20)


def test_the_previous_stage_becomes_the_second_channel() -> None:
    batch = next(make(NumberDataset(previous=True), patch=(34, 44), batch_size=1))
    assert batch["target"].shape == (1, 2, 34, 44)
    assert torch.equal(batch["target"][0, 0], batch["target"][0, 1])


def test_deep_supervision_gives_a_target_of_each_scale() -> None:
    pipeline = validation_pipeline([[1.0, 1.0], [0.5, 0.5]])
    batch = next(make(transforms=pipeline))
    assert [tuple(target.shape) for target in batch["target"]] == [(2, 1, 20, 20), (2, 1, 10, 10)]


@pytest.mark.parametrize("batch_size", range(1, 13))
def test_the_last_third_of_a_batch_is_forced(batch_size) -> None:
    expected = [0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4][batch_size - 1]
    loader = make(batch_size=batch_size, oversample_foreground_percent=0.33)
    forced = [loader.get_do_oversample(i) for i in range(batch_size)]
    assert forced == [False] * (batch_size - expected) + [True] * expected


def test_probabilistic_oversampling_forces_any_sample() -> None:
    loader = make(oversample_foreground_percent=0.25, probabilistic_oversampling=True)
    assert sum(loader.get_do_oversample(0) for _ in range(1000)) == pytest.approx(250, abs=60)


def test_forced_patches_contain_the_chosen_class() -> None:
    loader = make(NumberDataset(shape=(1, 100, 100)))
    locations = NumberDataset(shape=(1, 100, 100)).load_case("case_0")[3]["class_locations"]
    lower, upper = loader.get_bbox((1, 100, 100), True, locations, overwrite_class=2)
    assert (lower, upper) == ([0, 89, 89], [1, 109, 109])


def test_with_an_ignore_label_unforced_patches_lie_on_annotated_voxels() -> None:
    loader = make(NumberDataset(shape=(1, 100, 100)), label_manager=LABELS_WITH_IGNORE)
    locations = NumberDataset(shape=(1, 100, 100)).load_case("case_0")[3]["class_locations"]
    assert loader.get_bbox((1, 100, 100), False, locations)[0] == [0, 89, 89]
    with pytest.raises(KeyError):
        loader.get_bbox((1, 100, 100), False, {})


def test_weights_choose_the_cases() -> None:
    loader = make(sampling_probabilities=[0, 0, 1, 0], batch_size=5)
    assert set(next(loader)["keys"]) == {"case_2"}


def test_extra_padding_widens_the_bounds() -> None:
    loader = make(pad_sides=(6, 0), patch=(20, 20), final=(16, 16))
    assert loader.need_to_pad.tolist() == [0, 10, 4]


def test_the_shapes_that_old_programs_ask_for() -> None:
    loader = make(NumberDataset(previous=True))
    assert (loader.data_shape, loader.seg_shape) == ((2, 3, 20, 20), (2, 2, 20, 20))


@pytest.mark.parametrize("error", [OSError("truncated file"), ValueError("bad shape"), KeyError("class_locations")])
def test_a_case_that_fails_is_named(error) -> None:
    loader = make(BrokenDataset(error), batch_size=20)
    with pytest.raises(CaseFailedError, match=r"case case_2: .*(truncated file|bad shape|class_locations)") as caught:
        next(loader)
    assert caught.value.case == "case_2"


class ChangedProperties(NumberDataset):
    """All cases have the same properties."""

    def __init__(self, properties: dict[str, Any]):
        super().__init__()
        self.properties = properties

    def load_case(self, case: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        return *super().load_case(case)[:3], self.properties


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"spacing": (1, 1)}, r"\.pkl: lacks the entry 'class_locations' that choosing patches needs"),
        ({"class_locations": [1, 2]}, "'class_locations' in its .pkl is a list of 2 values, expected voxels by class"),
    ],
)
def test_properties_of_another_kind_are_named(properties: dict[str, Any], reason: str) -> None:
    with pytest.raises(CaseFailedError, match=rf"case case_\d: .*{reason}") as caught:
        next(make(ChangedProperties(properties)))
    assert caught.value.worker_traceback is None


class PositionDataset(NumberDataset):
    """One case whose image values are the positions of its pixels."""

    def load_case(self, case: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        _, seg, previous, properties = super().load_case(case)
        image = np.arange(np.prod(self.shape), dtype=np.float32).reshape(1, *self.shape)
        return image, seg, previous, properties


def sizes_cut(monkeypatch: pytest.MonkeyPatch, loader: nnUNetDataLoader, batches: int) -> list[tuple[int, ...]]:
    """Return the sizes of the patches that a loader cuts."""
    sizes: list[tuple[int, ...]] = []
    cut = data_loader.crop_and_pad_nd

    def record(data: Any, box: list[list[int]], value: int) -> Any:
        sizes.append(tuple(upper - lower for lower, upper in box))
        return cut(data, box, value)

    monkeypatch.setattr(data_loader, "crop_and_pad_nd", record)
    for _ in range(batches):
        next(loader)
    return sizes


def test_augmentation_that_is_drawn_early_cuts_as_much_as_what_is_rotated_or_scaled_needs(monkeypatch) -> None:
    transforms = fast_training_pipeline((16, 16), (-1, 1), None, (0, 1), False)
    loader = make(batch_size=10, patch=(24, 25), final=(16, 16), transforms=transforms)
    sizes = sizes_cut(monkeypatch, loader, batches=60)
    sides = {size[1] for size in sizes}
    assert all(size[0] == 1 and size[2] % 2 and abs(size[2] - size[1]) == 1 for size in sizes if size != (1, 16, 16))
    assert {16, 24} <= sides <= {14, 16, 18, 20, 22, 24}, "as even as the large patch, and no larger"
    assert sizes.count((1, 16, 16)) / len(sizes) == pytest.approx(0.8 * 0.8, abs=0.07)


def test_augmentation_on_the_device_is_given_a_large_patch_of_what_is_rotated_or_scaled(monkeypatch) -> None:
    transforms = deferring_pipeline((16, 16), (-1, 1), None, (0, 1), False)
    loader = make(batch_size=10, patch=(20, 21), final=(16, 16), transforms=transforms)
    sizes = sizes_cut(monkeypatch, loader, batches=60)
    assert set(sizes) == {(1, 20, 21), (1, 16, 16)}
    assert sizes.count((1, 20, 21)) / len(sizes) == pytest.approx(1 - 0.8 * 0.8, abs=0.07)


def test_a_pipeline_with_another_step_before_it_gets_large_patches(monkeypatch) -> None:
    transforms = fast_training_pipeline((16, 16), (-1, 1), None, (0, 1), False)
    transforms.transforms.insert(0, validation_pipeline(None))
    loader = make(batch_size=10, patch=(20, 21), final=(16, 16), transforms=transforms)
    assert set(sizes_cut(monkeypatch, loader, batches=3)) == {(1, 20, 21)}
    assert next(loader)["data"].shape == (10, 3, 16, 16)


@pytest.mark.parametrize(
    ("shape", "wide", "final"), [((1, 30, 40), (21, 20), (16, 17)), ((9, 14, 12), (8, 11, 9), (5, 8, 8))]
)
def test_the_small_patch_is_the_centre_of_the_large_one(shape, wide, final, monkeypatch) -> None:
    """Both loaders draw the same corner; the one draws its changes after that, the other takes the centre."""
    monkeypatch.setattr(changes, "PROBABILITIES", [0] * len(changes.PROBABILITIES))
    stock = ComposeTransforms(spatial_steps(final, (0, 0), False)[:1])
    stock.transforms[0].p_rotation = stock.transforms[0].p_scaling = 0
    fast = fast_training_pipeline(final, (0, 0), None, (), False)
    data = PositionDataset(cases=1, shape=shape)
    patches = []
    for transforms in (stock, fast):
        np.random.seed(5)
        patches.append(next(make(data, 1, wide, final, transforms=transforms))["data"])
    assert torch.equal(*patches)


def test_patches_never_share_memory_with_the_data_set() -> None:
    data = PositionDataset(cases=1, shape=(1, 20, 20))
    content = data.load_case("case_0")
    data.load_case = lambda case: content  # type: ignore[method-assign]
    before = content[0].copy()
    next(make(data, patch=(20, 20)))["data"].fill_(-1)
    assert np.array_equal(content[0], before)


def test_with_a_seed_no_way_of_blurring_is_chosen_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an image would depend on how busy the machine was when the process began."""
    measured: list[Any] = []
    monkeypatch.setattr(GaussianBlurTransform, "_benchmark_wrapper", lambda *given: measured.append(1) or given[1])
    loader = make(batch_size=8)
    loader.transforms = training_pipeline([20, 20], (-1.0, 1.0), None, (0, 1), False)
    steps = [getattr(step, "transform", step) for step in loader.transforms.transforms]
    (blur,) = [step for step in steps if isinstance(step, GaussianBlurTransform)]
    for step in loader.transforms.transforms:
        step.apply_probability = 1.0

    next(loader)
    assert measured, "stock does"
    measured.clear()
    loader.batch_streams = BatchStreams(RandomStreams(1), "training", 0)
    assert loader._unused_transforms() is not loader.transforms
    next(loader)
    assert not measured
    assert blur.benchmark, "the pipeline itself stays"


@pytest.mark.parametrize("of", [np.zeros(1), None], ids=["in memory", "in a file"])
def test_patches_are_contiguous_however_their_array_lay(of: Any) -> None:
    patch = np.arange(24.0).reshape(2, 3, 4).T
    tensor = data_loader._as_tensor(patch, np.float32, of=of)
    assert tensor.is_contiguous()
    assert np.array_equal(tensor.numpy(), patch)
