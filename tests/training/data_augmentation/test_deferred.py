"""Augmentation of whole batches: what the fast pipeline does to each sample, all at once.

`test_whole_chain` compares every step with that of the default pipeline.
"""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import pin_memory_of_all_eligible_items_in_dict
from scipy.stats import ks_2samp
from torch import Tensor

from nnunetv2.errors import CallError
from nnunetv2.training.data_augmentation.batched import planes
from nnunetv2.training.data_augmentation.default_pipeline import rotation_and_initial_patch_size, training_pipeline
from nnunetv2.training.data_augmentation.deferred import augmented_batch, deferred_of, deferring_pipeline
from nnunetv2.training.data_augmentation.early_draws import DRAWN
from nnunetv2.training.data_augmentation.fast_pipeline import fast_training_pipeline
from nnunetv2.training.dataloading.data_loader import stack_samples
from tests.training.data_augmentation.samples import CASCADE, LEAST_P, MASK, REGIONS, blobs, figures_of

CPU = torch.device("cpu")
BATCH = 10


@pytest.fixture(autouse=True)
def _all_planes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of other devices than the CPU."""
    monkeypatch.setattr(planes, "groups_of_planes", lambda chosen, device: [chosen] if len(chosen) else [])


def arguments(patch: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Return the arguments of a pipeline and the size of the patch to cut."""
    rotation, dummy_2d, initial, mirror = rotation_and_initial_patch_size(patch)
    scales = [[1.0] * len(patch), [0.5] * len(patch)]
    return (patch, rotation, scales, mirror, dummy_2d), tuple(int(size) for size in initial)


def cloned(sample: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in sample.items()}


def make_batch(pipeline: Any, sample: dict[str, Tensor], size: int = BATCH) -> dict[str, Any]:
    """Return a batch as a loader sends it."""
    batch = {**stack_samples([pipeline(**cloned(sample)) for _ in range(size)]), "keys": np.arange(size)}
    return pickle.loads(pickle.dumps(batch))


@pytest.mark.parametrize("patch", [(24, 20), (10, 12, 14), (4, 16, 20)])
@pytest.mark.parametrize("options", [{}, MASK, CASCADE, REGIONS, {**CASCADE, **REGIONS}])
def test_a_batch_gets_what_its_samples_would_get(patch: tuple[int, ...], options: dict[str, Any]) -> None:
    positional, initial = arguments(patch)
    deferring, fast = deferring_pipeline(*positional, **options), fast_training_pipeline(*positional, **options)
    sample = blobs(initial, 2, "is_cascaded" in options)
    np.random.seed(2)
    drawn = [fast.transforms[0].draw(2) for _ in range(BATCH)]
    expected = stack_samples([fast(**cloned(sample), **{DRAWN: copy.deepcopy(one)}) for one in drawn])
    parts = [deferring(**cloned(sample), **{DRAWN: one}) for one in drawn]
    found = augmented_batch(stack_samples(parts), CPU)
    assert found.keys() == expected.keys()
    torch.testing.assert_close(found["data"], expected["data"], rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(found["target"], expected["target"], strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "patch", [(24, 24), *(pytest.param(patch, marks=pytest.mark.long) for patch in ((8, 10, 12), (4, 14, 14)))]
)
def test_batches_are_distributed_as_those_of_the_default(patch: tuple[int, ...]) -> None:
    positional, initial = arguments(patch)
    sample = blobs(initial, 2, previous=False)
    stock, deferring = training_pipeline(*positional, **MASK), deferring_pipeline(*positional, **MASK)
    np.random.seed(3)
    torch.manual_seed(3)
    expected = [stock(**cloned(sample)) for _ in range(600)]
    batches = [augmented_batch(make_batch(deferring, sample), CPU) for _ in range(60)]
    of_samples = [
        {"image": image, "segmentation": labels}
        for batch in batches
        for image, *labels in zip(batch["data"], *batch["target"], strict=True)
    ]
    theirs = figures_of(expected)
    for name, values in figures_of(of_samples).items():
        p = ks_2samp(values.round(3), theirs[name].round(3)).pvalue
        assert p > LEAST_P, f"{name}: p = {p:.1e}, {values.mean():.3f} instead of {theirs[name].mean():.3f}"


def test_only_samples_that_are_rotated_or_scaled_are_sent_at_their_large_size() -> None:
    positional, initial = arguments((16, 16))
    np.random.seed(1)
    batch = make_batch(deferring_pipeline(*positional), blobs(initial, 2, previous=False), size=200)
    moved = batch["deferred"].moved
    assert moved == tuple(np.flatnonzero(batch["deferred"].drawn.changes.moves))
    assert 0 < len(moved) < 120
    assert batch["data"].shape == (200, 2, 16, 16)
    assert batch["wide_data"].shape == (len(moved), 2, *initial)
    assert batch["wide_target"].shape == (len(moved), 1, *initial)


def test_a_batch_without_rotated_samples_has_no_large_patches() -> None:
    positional, initial = arguments((16, 16))
    pipeline = deferring_pipeline(*positional)
    sample = blobs(initial, 2, previous=False)
    parts = [pipeline(**cloned(sample)) for _ in range(40)]
    still = [part for part in parts if "wide_data" not in part]
    assert set(deferred_of(still)) == {"deferred"}
    assert augmented_batch(stack_samples(still), CPU)["data"].shape == (len(still), 2, 16, 16)


def test_batches_of_other_pipelines_have_nothing_deferred() -> None:
    assert deferred_of([{"image": torch.zeros(1, 4, 4)}]) == {}


def test_a_batch_whose_loader_dropped_the_changes_is_refused() -> None:
    with pytest.raises(CallError, match="'deferred'"):
        augmented_batch({"data": torch.zeros(1, 1, 4, 4), "target": torch.zeros(1, 1, 4, 4)}, CPU)


def test_pinning_keeps_what_is_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[tuple[int, ...]] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda self, *_: pinned.append(tuple(self.shape)) or self)
    positional, initial = arguments((16, 16))
    np.random.seed(1)
    batch = make_batch(deferring_pipeline(*positional), blobs(initial, 2, previous=False))
    moved = len(batch["deferred"].moved)
    assert moved > 0
    after = pin_memory_of_all_eligible_items_in_dict(batch)
    assert after["deferred"].moved == batch["deferred"].moved
    assert {(BATCH, 2, 16, 16), (moved, 2, *initial)} <= set(pinned)


@pytest.mark.gpu
@pytest.mark.parametrize("patch", [(24, 20), (10, 12, 14), (4, 16, 20)])
@pytest.mark.parametrize("options", [MASK, {**CASCADE, **REGIONS}])
def test_a_gpu_augments_as_the_cpu_does(patch: tuple[int, ...], options: dict[str, Any]) -> None:
    positional, initial = arguments(patch)
    np.random.seed(2)
    batch = make_batch(deferring_pipeline(*positional, **options), blobs(initial, 2, "is_cascaded" in options), 40)
    expected = augmented_batch(copy.deepcopy(batch), CPU)
    found = augmented_batch(batch, torch.device("cuda"))
    torch.testing.assert_close(found["data"].cpu(), expected["data"], rtol=1e-3, atol=1e-3)
    for ours, theirs in zip(found["target"], expected["target"], strict=True):
        assert (ours.cpu() == theirs).double().mean() > 0.999  # between labels of nearly the same weight
