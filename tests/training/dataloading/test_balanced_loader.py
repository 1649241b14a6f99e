from collections import Counter
from typing import Any

import pytest

from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader, DomainRoundRobin
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from tests.training.dataloading.datasets import LABELS, NumberDataset

CASES = [f"case_{i}" for i in range(10)]
DOMAINS = {case: "large" if i < 8 else "small" for i, case in enumerate(CASES)}


def make(batch_size: int = 3, ratios: dict[str, float] | None = None, **options: Any) -> BalancedDataLoader:
    ratios = ratios or {"large": 0.5, "small": 0.5}
    return BalancedDataLoader(
        NumberDataset(10), batch_size, (8, 8), (8, 8), LABELS, 0.33, case_domains=DOMAINS, ratios=ratios, **options
    )


def domains_of(loaders: list[BalancedDataLoader], steps: int) -> list[str]:
    """Return the domains of all slots in sequence, given the loaders of all ranks."""
    return [DOMAINS[case] for _ in range(steps) for loader in loaders for case in loader.get_indices()]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_every_window_of_slots_holds_the_ratios(batch_size) -> None:
    row = domains_of([make(batch_size, {"large": 0.7, "small": 0.3})], steps=60)
    for width in (1, 2, 5, 10, 30):
        for start in range(len(row) - width):
            assert abs(row[start : start + width].count("small") - 0.3 * width) < 1


def test_the_cases_of_a_domain_are_equally_likely() -> None:
    loader = make(batch_size=4)
    drawn = Counter(case for _ in range(1000) for case in loader.get_indices())
    assert drawn["case_8"] == pytest.approx(1000, abs=120)
    assert drawn["case_0"] == pytest.approx(250, abs=80)


def test_batches_look_like_those_of_the_plain_loader() -> None:
    batch = next(make())
    plain = next(nnUNetDataLoader(NumberDataset(10), 3, (8, 8), (8, 8), LABELS, 0.33))
    assert list(batch) == list(plain)
    assert batch["data"].shape == plain["data"].shape
    assert batch["keys"].shape == plain["keys"].shape


def test_processes_that_take_turns_make_one_sequence() -> None:
    workers = []
    for number in range(3):
        workers.append(make())
        workers[-1].number_of_threads_in_multithreaded = 3
        workers[-1].set_thread_id(number)
    assert domains_of(workers, steps=4) == domains_of([make()], steps=12)


def test_ranks_with_batches_of_different_sizes_share_one_sequence() -> None:
    ranks = [make(3, stream=(0, 5)), make(2, stream=(3, 5))]
    assert domains_of(ranks, steps=6) == domains_of([make(5)], steps=6)


def test_a_ratio_without_cases_is_refused() -> None:
    with pytest.raises(RuntimeError, match="without a training case: tiny"):
        make(ratios={"large": 0.5, "small": 0.3, "tiny": 0.2})


@pytest.mark.parametrize(("count", "message"), [(1, r"\(1\): case_10; add"), (11, r"\(11\): case_10, .*, \.\.\.; add")])
def test_cases_without_a_domain_are_refused(count: int, message: str) -> None:
    with pytest.raises(RuntimeError, match=f"without a domain {message} them to domains.json"):
        BalancedDataLoader(
            NumberDataset(10 + count), 2, (8, 8), (8, 8), LABELS, case_domains=DOMAINS, ratios={"large": 1, "small": 1}
        )


def domain_loaders(batch_size: int = 2) -> dict[str, nnUNetDataLoader]:
    loaders = {}
    for domain in ("large", "small"):
        loaders[domain] = nnUNetDataLoader(NumberDataset(10), batch_size, (8, 8), (8, 8), LABELS)
        loaders[domain].indices = [case for case in CASES if DOMAINS[case] == domain]
    return loaders


def test_a_round_robin_gives_each_domain_its_turn_and_never_mixes() -> None:
    row = [{DOMAINS[case] for case in next(batches)["keys"]} for batches in [DomainRoundRobin(domain_loaders())] * 6]
    assert all(len(domains) == 1 for domains in row)
    assert Counter(domain for domains in row for domain in domains) == {"large": 3, "small": 3}


def test_ranks_begin_a_round_robin_at_different_domains() -> None:
    first = [next(DomainRoundRobin(domain_loaders(), first_batch=rank))["keys"][0] for rank in range(2)]
    assert {DOMAINS[case] for case in first} == {"large", "small"}
