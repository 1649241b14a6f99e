"""Measures how long an epoch takes on a GPU."""

import os
import platform
from os.path import isfile, join
from typing import Any

import torch

from nnunetv2.errors import CallError
from nnunetv2.file_kinds.result_files import BENCHMARKS
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.ranks import current_ranks

RESULT_FILE = "benchmark_result.json"


class nnUNetTrainerBenchmark_5epochs(nnUNetTrainer):
    """Runs 5 epochs of fold 0 on CUDA, without checkpoints and final validation.

    The seconds of the fastest epoch, or the RuntimeError that ended the run, go into `benchmark_result.json` of the
    output folder, under a key that names machine, software and GPU.
    """

    num_epochs = 5
    disable_checkpointing = True

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        if self.fold != 0:
            raise CallError(
                f"{type(self).__name__} only runs fold 0, to keep its results in one place; got {self.fold}"
            )
        if self.device.type != "cuda":
            raise CallError(f"{type(self).__name__} measures GPUs; got device {self.device}")

    def run_training(self) -> None:
        """Run the epochs; record a RuntimeError that ends them early."""
        try:
            super().run_training()
        except RuntimeError as error:
            self._record_result(f"RuntimeError: {error}")

    def on_train_end(self) -> None:
        """Record the fastest epoch."""
        super().on_train_end()
        starts, ends = (self.logger.get_value(f"epoch_{moment}_timestamps", None) for moment in ("start", "end"))
        self._record_result(min(end - start for start, end in zip(starts, ends, strict=True)))

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        """Do nothing."""

    def _record_result(self, fastest_epoch: float | str) -> None:
        if self.local_rank != 0:
            return
        file = join(self.output_folder, RESULT_FILE)
        results = read_json(file, BENCHMARKS) if isfile(file) else {}
        description = describe_benchmark_machine(self.device, current_ranks().world_size)
        key = "__".join([*map(str, list(description.values())[:-1]), f"num_gpus_{description['num_gpus']}"])
        results[key] = {**description, "fastest_epoch": fastest_epoch}
        os.makedirs(self.output_folder, exist_ok=True)
        write_json(results, file)


def describe_benchmark_machine(device: torch.device, num_gpus: int) -> dict[str, Any]:
    """Return host, versions, GPU and number of GPUs, in the order of the result's key."""
    return {
        "hostname": platform.node(),
        "cudnn_version": torch.backends.cudnn.version(),
        "torch_version": torch.__version__,
        "gpu_name": torch.cuda.get_device_name(device),
        "num_gpus": num_gpus,
    }
