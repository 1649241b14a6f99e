"""The one setting to change, from numbers."""

from typing import Any

import pytest

from nnunetv2.training.limits.advice import Measured, in_one_line, setting_to_change


def measured(**changes: Any) -> Measured:
    numbers: dict[str, Any] = {
        "waiting_share": 0.5,
        "device": "cuda",
        "augmentation": "default",
        "workers": 7,
        "cpus": 8,
        "threads": 1,
        "cpu_share": 0.95,
        "worker_share": 0.98,
        "gpu_share": 0.4,
        "gpu_memory_share": 0.3,
    }
    return Measured(**numbers | changes)


@pytest.mark.parametrize(
    ("changes", "beginning"),
    [
        ({"workers": 0}, "nnUNet_n_proc_DA=7 "),
        ({"workers": 2, "cpu_share": 0.4}, "nnUNet_n_proc_DA=7 (now 2"),
        ({"worker_share": 0.1, "cpu_share": 0.2}, "nnUNet_preprocessed on a faster disk"),
        ({}, "-tr nnUNetTrainerFastDA"),
        ({"augmentation": "fast"}, "-tr nnUNetTrainerGPUAugmentation"),
        ({"augmentation": "device"}, "nothing"),
        ({"augmentation": "own"}, "nothing"),
        ({"augmentation": "fast", "device": "cpu", "threads": 7, "workers": 1}, "nothing"),
        ({"waiting_share": 0.01}, "a larger batch_size"),
        ({"waiting_share": 0.01, "gpu_share": 0.95}, "nothing"),
        ({"waiting_share": 0.01, "gpu_memory_share": 0.9}, "nothing"),
        ({"waiting_share": 0.01, "gpu_share": None}, "nothing"),
        ({"waiting_share": 0.01, "device": "cpu", "workers": 1, "threads": 2}, "OMP_NUM_THREADS=7 (now 2)"),
        ({"waiting_share": 0.01, "device": "cpu", "workers": 1, "threads": 7}, "nothing"),
    ],
)
def test_each_limit_has_its_setting(changes: dict[str, Any], beginning: str) -> None:
    assert setting_to_change(measured(**changes)).startswith(beginning)


def test_one_line_has_all_numbers_and_says_what_is_not_known() -> None:
    line = in_one_line(measured(gpu_share=None, memory_bytes=3 * 2**29, gpu_memory_bytes=2**30))
    assert line.startswith(
        "Speed: waited for data 50% of the time, CPUs 95%, GPU not known, "
        "memory 1.5 GiB, GPU memory 1.0 GiB; to change: -tr"
    )
    assert "GPU" not in in_one_line(measured(device="cpu", augmentation="own"))
