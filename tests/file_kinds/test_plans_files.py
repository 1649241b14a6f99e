"""Wrong entries of plans: one line each, for the configuration that is used; dicts of clients are taken as they are."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnunetv2.errors import InvalidValueError
from nnunetv2.file_kinds.network_arguments import architecture_problems, patch_problems
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.file_kinds.valid_files import PLANS

HUGE = 10**200


def written(folder: Path, changes: dict[str, Any], configuration: dict[str, Any], arguments: dict[str, Any]) -> Path:
    """Write the valid plans with other entries at the top, in the configuration 2d, and of its network."""
    plans = copy.deepcopy(PLANS) | changes
    plans["configurations"]["2d"].update(configuration)
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"].update(arguments)
    (folder / "plans.json").write_text(json.dumps(plans))
    return folder / "plans.json"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"transpose_forward": [0, 1, 1]}, r"transpose_forward is \[0, 1, 1\], expected the numbers 0, 1 and 2"),
        ({"transpose_backward": [1, 0, 2]}, r"transpose_backward is \[1, 0, 2\], expected \[0, 2, 1\], which undoes"),
        ({"dataset_name": "../../home"}, "dataset_name is '../../home', expected a name without path separators"),
        ({"configurations": []}, r"configurations is \[\], expected an object"),
        ({"configurations": {"2d": None}}, "configurations.2d is null, expected an object"),
        ({"image_reader_writer": 3}, "image_reader_writer is 3, expected a non-empty text"),
    ],
)
def test_entries_of_the_whole_file_are_checked_when_it_is_read(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    (tmp_path / "plans.json").write_text(json.dumps(PLANS | changes))
    with pytest.raises(InvalidValueError, match=rf"plans\.json: {problem}"):
        PlansManager(tmp_path / "plans.json")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"batch_size": 0}, "batch_size is 0, expected a whole number from 1 to"),
        ({"batch_size": 2.0}, "batch_size is 2.0, expected a whole number"),
        ({"patch_size": [64, -64]}, r"patch_size\[1\] is -64"),
        ({"patch_size": [HUGE, 64]}, r"patch_size\[0\] is 1000"),
        ({"patch_size": [2**20, 2**20]}, "patch_size has 1099511627776 voxels, expected at most"),
        ({"patch_size": [4096, 4096], "batch_size": 10**5}, "batch_size is 100000, with 16777216 voxels each"),
        ({"patch_size": 64}, "patch_size is 64, expected a list of 2 to 3 entries"),
        ({"spacing": [0, 1]}, r"spacing\[0\] is 0, expected a number above 0"),
        ({"spacing": [1, float("nan")]}, r"spacing\[1\] is nan, expected a number above 0"),
        ({"data_identifier": ".."}, "data_identifier is '..', expected a name without path separators"),
        ({"use_mask_for_norm": [False]}, "use_mask_for_norm has 1 entries, normalization_schemes 2"),
        ({"normalization_schemes": ["A", "B", "C"], "use_mask_for_norm": [False] * 3}, "lacks '2'"),
        (
            {"resampling_fn_data_kwargs": {"order": 7}},
            "resampling_fn_data_kwargs.order is 7, expected",
        ),
        ({"architecture": "U-Net"}, "architecture is 'U-Net', expected an object"),
    ],
)
def test_entries_of_a_configuration_are_checked_when_it_is_used(
    tmp_path: Path, entries: dict[str, Any], problem: str
) -> None:
    plans = copy.deepcopy(PLANS)
    plans["configurations"] |= {"broken": plans["configurations"]["2d"] | entries, "heir": {"inherits_from": "broken"}}
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    manager = PlansManager(tmp_path / "plans.json")

    assert manager.get_configuration("2d").batch_size == 2
    for name in ("broken", "heir"):
        with pytest.raises(InvalidValueError, match=rf"plans\.json: configurations\.broken\..*{problem}") as caught:
            manager.get_configuration(name)
        assert "\n" not in str(caught.value)
    assert PlansManager(plans).get_configuration("broken").configuration["data_identifier"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"n_stages": 4},
            "features_per_stage has 3 entries, expected 4: n_stages is 4",
        ),
        ({"n_stages": 10**6}, "n_stages is 1000000, expected a whole number from 2 to 32"),
        ({"strides": [[1, 1], [2, 0], [2, 2]]}, r"strides\[1\]\[1\] is 0"),
        ({"strides": [[1, 1], [2, 2]]}, "strides has 2 entries, expected 3"),
        ({"kernel_sizes": [[3, 3], [2, 3], [3, 3]]}, r"kernel_sizes\[1\]\[0\] is 2, expected an odd number"),
        ({"kernel_sizes": [[3, 3, 3]] * 3}, "kernel_sizes has entries that are not of 2 dimensions"),
        ({"features_per_stage": [HUGE, 1, 1]}, r"features_per_stage\[0\] is 1000"),
        ({"features_per_stage": [65536] * 3}, "describes a network of about 2e.11 weights, expected at most"),
        ({"n_conv_per_stage": 0}, "n_conv_per_stage is 0"),
        ({"conv_bias": "yes"}, "conv_bias is 'yes', expected true or false"),
    ],
)
def test_arguments_of_a_u_net_are_checked(tmp_path: Path, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"architecture\.arch_kwargs\.?.*{problem}"):
        PlansManager(written(tmp_path, {}, {}, arguments)).get_configuration("2d")


def test_arguments_of_other_networks_are_not_judged(tmp_path: Path) -> None:
    other = {"network_class_name": "mine.Net", "arch_kwargs": {"n_stages": "many"}, "_kw_requires_import": []}
    path = written(tmp_path, {}, {}, {})
    plans = json.loads(path.read_text())
    plans["configurations"]["2d"]["architecture"] = other
    path.write_text(json.dumps(plans))
    assert PlansManager(path).get_configuration("2d").network_arch_init_kwargs == {"n_stages": "many"}


def test_unknown_entries_survive(tmp_path: Path) -> None:
    path = written(tmp_path, {"mine": [float("inf"), {"deep": None}]}, {"mine": 1}, {})
    manager = PlansManager(path)
    assert manager.get_configuration("2d").configuration["mine"] == 1
    assert manager.plans["mine"] == [float("inf"), {"deep": None}]


def test_the_patch_size_has_to_fit_the_strides_of_the_network() -> None:
    configuration = copy.deepcopy(PLANS["configurations"]["2d"])
    assert list(patch_problems(configuration)) == []
    (problem,) = patch_problems({**configuration, "patch_size": [18, 24]})
    assert str(problem) == "patch_size[0] is 18, expected a multiple of 4, what the network's strides multiply to"
    (problem,) = patch_problems({**configuration, "patch_size": [16, 16, 16]})
    assert str(problem) == "patch_size has 3 entries, but conv_op is torch.nn.modules.conv.Conv2d"


SIZES = st.integers(0, 4)
PER_STAGE = st.one_of(SIZES, st.lists(SIZES, min_size=3, max_size=3))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stages=st.sampled_from([3, 3, 3, 2, 1]),
    features=PER_STAGE,
    kernels=st.sampled_from([3, 1, 2, [3, 3, 1], [[3, 1], [1, 3], 3], [[3, 3]] * 3, [[3, 3]] * 2]),
    strides=st.sampled_from([1, 2, [1, 2, 2], [1, [2, 1], 2], [[1, 1], [2, 2], [2, 3]], [2, 2], [1, 3, 1], 0]),
    blocks=PER_STAGE,
    decoder=st.one_of(SIZES, st.lists(SIZES, min_size=2, max_size=2)),
    patch=st.sampled_from([[16, 24], [12, 18], [15, 15], [8, 8]]),
)
def test_what_is_accepted_makes_a_network_that_takes_the_patch(
    stages: int, features: Any, kernels: Any, strides: Any, blocks: Any, decoder: Any, patch: list[int]
) -> None:
    """The check agrees with the network itself, which is built without memory (torch's meta device)."""
    configuration = copy.deepcopy(PLANS["configurations"]["2d"]) | {"patch_size": patch}
    configuration["architecture"]["arch_kwargs"] |= {
        "n_stages": stages,
        "features_per_stage": features,
        "kernel_sizes": kernels,
        "strides": strides,
        "n_conv_per_stage": blocks,
        "n_conv_per_stage_decoder": decoder,
        "norm_op": None,
        "norm_op_kwargs": None,
    }
    if not list(architecture_problems(configuration)) and not list(patch_problems(configuration)):
        run_without_memory(configuration)


def test_a_u_net_of_the_language_of_single_numbers_can_be_built() -> None:
    configuration = copy.deepcopy(PLANS["configurations"]["2d"])
    configuration["architecture"]["arch_kwargs"] |= {"features_per_stage": 4, "kernel_sizes": 3, "strides": 1}
    assert list(architecture_problems(configuration)) == list(patch_problems(configuration)) == []
    run_without_memory(configuration)


def run_without_memory(configuration: dict[str, Any]) -> None:
    """Build the network and give it a patch on torch's meta device, which computes shapes only."""
    import torch

    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    architecture = configuration["architecture"]
    names = (architecture[key] for key in ("network_class_name", "arch_kwargs", "_kw_requires_import"))
    with torch.device("meta"):
        network = get_network_from_plans(*names, 1, 2, allow_init=False, deep_supervision=False)
        assert network(torch.zeros(1, 1, *configuration["patch_size"])).shape[:2] == (1, 2)
