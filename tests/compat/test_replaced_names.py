"""The trainer calls what stands in its module's globals, and its own methods, as nnU-Net does.

Other people's trainers replace the globals and override the methods.

One training of each package, a few seconds each.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_folders
from tests.differential.oracle import run_oracle, run_ours
from tests.training.tiny_dataset import TinyDataset, write_preprocessed

SCRIPT = Path(__file__).with_name("record_calls.py").read_text()
DATASETS = (
    TinyDataset(name="Dataset901_Labels", cases=5),
    TinyDataset(
        name="Dataset902_Regions",
        cases=5,
        labels={"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3},
        regions_class_order=(1, 2),
    ),
)
HELPERS = {"deepcopy", "isfile", "join", "load_json", "maybe_mkdir_p", "save_json", "sleep", "time"}
"""Helpers for files and clocks, which nobody replaces to change a training; we use others."""

Calls = dict[str, list[Any]]
Chains = list[list[str]]


def recorded(run: Any, folder: Path) -> tuple[Calls, Chains]:
    """Return what record_calls.py found."""
    folders = make_folders(folder)
    for dataset in DATASETS:
        write_preprocessed(dataset, folders.preprocessed)
    arguments = [f"{dataset.name}={dataset.configuration}" for dataset in DATASETS]
    output = run(SCRIPT, *arguments, env={"nnUNet_def_n_proc": "1", "OMP_NUM_THREADS": "1", **folders.environment})
    line = next(line for line in output.splitlines() if line.startswith("CALLS"))
    calls, chains = json.loads(line.removeprefix("CALLS"))
    return {name: forms for name, forms in calls.items() if name not in HELPERS}, chains


@pytest.fixture(scope="module")
def stock_training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calls, Chains]:
    return recorded(run_oracle, tmp_path_factory.mktemp("stock"))


@pytest.fixture(scope="module")
def our_training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calls, Chains]:
    return recorded(run_ours, tmp_path_factory.mktemp("ours"))


@pytest.fixture
def stock(stock_training: tuple[Calls, Chains]) -> Calls:
    return stock_training[0]


@pytest.fixture
def ours(our_training: tuple[Calls, Chains]) -> Calls:
    return our_training[0]


def test_every_name_that_nnunet_calls_is_called_here(stock: Calls, ours: Calls) -> None:
    assert {"nnUNetDataLoader", "NonDetMultiThreadedAugmenter", "DC_and_CE_loss", "SpatialTransform"} <= set(stock)
    assert sorted(set(stock) - set(ours)) == []


def test_replacements_need_not_accept_more_arguments_than_nnunet_gives(stock: Calls, ours: Calls) -> None:
    def fits(form: list[Any], name: str) -> bool:
        return any(form[0] == count and set(form[1]) <= set(keywords) for count, keywords in stock[name])

    other = [f"{name}{form}, not {stock[name]}" for name in stock for form in ours[name] if not fits(form, name)]
    assert not other, "\n".join(other)


def who_calls_whom(chains: Chains, names: set[str]) -> set[tuple[str, ...]]:
    """Return (caller, method) of the methods of these names, without others between them."""
    known = [[name for name in chain if name in names] for chain in chains if chain[-1] in names]
    return {tuple(chain[-2:]) for chain in known}


def test_every_method_that_nnunet_calls_through_self_is_called_by_the_same_method(
    stock_training: tuple[Calls, Chains], our_training: tuple[Calls, Chains]
) -> None:
    names = {chain[-1] for chain in stock_training[1]}
    expected = who_calls_whom(stock_training[1], names)
    assert {("run_training", "train_step"), ("get_dataloaders", "get_tr_and_val_datasets")} <= expected
    assert sorted(expected - who_calls_whom(our_training[1], names)) == []
