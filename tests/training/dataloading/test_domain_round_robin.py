from collections import Counter

from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.domain_round_robin import DomainRoundRobin, restricted
from tests.training.dataloading.datasets import LABELS, NumberDataset
from tests.training.dataloading.test_balanced_loader import CASES, DOMAINS


def domain_loaders(batch_size: int = 2) -> dict[str, nnUNetDataLoader]:
    loaders = {}
    for domain in ("large", "small"):
        part = restricted(NumberDataset(10), [case for case in CASES if DOMAINS[case] == domain])
        loaders[domain] = nnUNetDataLoader(part, batch_size, (8, 8), (8, 8), LABELS)
    return loaders


def test_a_round_robin_gives_each_domain_its_turn_and_never_mixes() -> None:
    row = [{DOMAINS[case] for case in next(batches)["keys"]} for batches in [DomainRoundRobin(domain_loaders())] * 6]
    assert all(len(domains) == 1 for domains in row)
    assert Counter(domain for domains in row for domain in domains) == {"large": 3, "small": 3}


def test_ranks_begin_a_round_robin_at_different_domains() -> None:
    first = [next(DomainRoundRobin(domain_loaders(), first_batch=rank))["keys"][0] for rank in range(2)]
    assert {DOMAINS[case] for case in first} == {"large", "small"}


def test_a_restricted_dataset_leaves_the_whole_one_as_it_is() -> None:
    whole = NumberDataset(10)
    assert restricted(whole, CASES[2:4]).identifiers == ["case_2", "case_3"]
    assert whole.identifiers == CASES
