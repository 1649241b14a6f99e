from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

from nnunetv2.foundation.random_streams import RandomStreams
from nnunetv2.pathology.stain.augmentation import StainTransfer
from nnunetv2.pathology.stain.intensities_entry import FIXED, PROPERTY, Z_SCORES, intensities_entry
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.loader_factory import training_loader, validation_loader
from nnunetv2.training.dataloading.seeded_batches import SeededBatches
from tests.training.dataloading.datasets import LABELS, NumberDataset

DOMAINS = {f"case_{number}": "a" if number < 4 else "b" for number in range(6)}


class AddsNoise(BasicTransform):
    """Adds a random number to the image, and one more each time it is used."""

    used = 0

    def __call__(self, **sample: Any) -> dict[str, Any]:
        self.used += 1
        return {**sample, "image": sample["image"] + np.random.uniform() + torch.rand(1) + self.used}


class Stained(NumberDataset):
    """Images of random colours, with what preprocessing stores about them."""

    scheme = Z_SCORES

    def load_case(self, case: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        _, seg, previous, properties = super().load_case(case)
        stream = np.random.default_rng(self.identifiers.index(case))
        image = stream.uniform(20, 60 + 30 * self.identifiers.index(case), (3, *self.shape)).astype(np.float32)
        entry = {PROPERTY: intensities_entry(image, self.scheme)}
        offset, scale = (
            np.array(entry[PROPERTY][name], np.float32)[:, None, None, None] for name in ("offset", "scale")
        )
        return (image - offset) / scale, seg, previous, {**properties, **entry}


class StainedAlike(Stained):
    """The same, with one normalisation for all."""

    scheme = FIXED


class OwnLoader(nnUNetDataLoader):
    """Draws its cases in its own way."""

    def generate_train_batch(self) -> dict[str, Any]:
        return {"data": torch.rand(2), "target": torch.zeros(1), "keys": np.random.choice(self.indices, 2)}


def batches(
    count: int,
    first: int = 0,
    process: tuple[int, int] = (0, 1),
    share: tuple[int, int] = (0, 4),
    size: int = 4,
    domains: Mapping[str, str] | None = None,
    kind: Any = nnUNetDataLoader,
    seed: int = 1,
) -> list[dict[str, Any]]:
    options: dict[str, Any] = {
        "batch_size": size,
        "patch_size": (8, 8),
        "final_patch_size": (8, 8),
        "label_manager": LABELS,
        "probabilistic_oversampling": True,
        "oversample_foreground_percent": 0.5,
        "transforms": AddsNoise(),
    }
    split: dict[str, Any] = {"case_domains": domains or {}, "ratios": {"a": 0.7, "b": 0.3} if domains else {}}
    loader = training_loader(kind, NumberDataset(6), stream=share, **split, **options)
    seeded = SeededBatches(loader, RandomStreams(seed), "training", first, share)
    seeded.set_thread_id(process[0])
    seeded.number_of_threads_in_multithreaded = process[1]
    return [next(seeded) for _ in range(count)]


def assert_equal(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert list(first["keys"]) == list(second["keys"])
    assert torch.equal(first["data"], second["data"])
    assert torch.equal(first["target"], second["target"])


@pytest.mark.parametrize(
    ("kind", "domains"),
    [(nnUNetDataLoader, None), (nnUNetDataLoader, DOMAINS), (OwnLoader, None)],
    ids=["one domain", "several", "own loader"],
)
def test_a_process_makes_the_batches_that_one_alone_would(domains: Any, kind: Any) -> None:
    whole = batches(6, domains=domains, kind=kind)
    for number in range(3):
        for turn, batch in enumerate(batches(2, process=(number, 3), domains=domains, kind=kind)):
            assert_equal(batch, whole[number + 3 * turn])


@pytest.mark.parametrize("domains", [None, DOMAINS], ids=["one domain", "several"])
def test_batches_are_the_same_if_the_training_starts_later(domains: Any) -> None:
    whole = batches(5, domains=domains)
    for batch, expected in zip(batches(2, first=3, domains=domains), whole[3:], strict=True):
        assert_equal(batch, expected)


@pytest.mark.parametrize("domains", [None, DOMAINS], ids=["one domain", "several"])
def test_ranks_make_the_parts_of_the_batches_of_one(domains: Any) -> None:
    for whole, first, second in zip(
        batches(3, domains=domains),
        batches(3, share=(0, 4), size=3, domains=domains),
        batches(3, share=(3, 4), size=1, domains=domains),
        strict=True,
    ):
        joined = {name: torch.cat([first[name], second[name]]) for name in ("data", "target")}
        assert_equal({**joined, "keys": [*first["keys"], *second["keys"]]}, whole)


@pytest.mark.parametrize("dataset", [Stained, StainedAlike])
def test_the_stain_that_a_case_takes_from_another_does_not_depend_on_the_process(dataset: Any) -> None:
    def row(transform: Any, number: int = 0, processes: int = 1) -> list[dict[str, Any]]:
        loader = nnUNetDataLoader(dataset(6), 2, (8, 8), (8, 8), LABELS, transforms=ComposeTransforms([transform]))
        seeded = SeededBatches(loader, RandomStreams(1), "training", 0, (0, 2))
        seeded.set_thread_id(number)
        seeded.number_of_threads_in_multithreaded = processes
        return [next(seeded) for _ in range(4 // processes)]

    whole = row(StainTransfer(probability=1.0))
    for number in range(2):
        for turn, batch in enumerate(row(StainTransfer(probability=1.0), number, 2)):
            assert_equal(batch, whole[number + 2 * turn])
    untouched = row(StainTransfer(probability=0.0))
    assert all(not torch.equal(ours["data"], other["data"]) for ours, other in zip(whole, untouched, strict=True))


def test_batches_differ_from_each_other_and_with_the_seed() -> None:
    first, second = batches(2)
    (other,) = batches(1, seed=2)
    assert not torch.equal(first["data"], second["data"])
    assert not torch.equal(first["data"], other["data"])


def test_validation_goes_on_with_the_domain_whose_turn_it_is() -> None:
    options: dict[str, Any] = {
        "batch_size": 2,
        "patch_size": (8, 8),
        "final_patch_size": (8, 8),
        "label_manager": LABELS,
    }
    parts = {"a": ["case_0", "case_1"], "b": ["case_5"]}

    def row(first: int, count: int) -> list[list[str]]:
        loader = validation_loader(nnUNetDataLoader, NumberDataset(6), parts=parts, **options)
        seeded = SeededBatches(loader, RandomStreams(1), "validation", first, (0, 2))
        return [list(next(seeded)["keys"]) for _ in range(count)]

    assert row(0, 5)[3:] == row(3, 2)
    assert row(1, 1) == [["case_5", "case_5"]]
