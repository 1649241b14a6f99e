import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.benchmarking import nnUNetTrainerBenchmark_5epochs as module
from nnunetv2.training.nnUNetTrainer.variants.benchmarking.nnUNetTrainerBenchmark_5epochs_noDataLoading import (
    nnUNetTrainerBenchmark_5epochs_noDataLoading,
)
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.variants.tiny_plans import tiny_dataset_json, tiny_plans


class OnAnyDevice(nnUNetTrainerBenchmark_5epochs_noDataLoading):
    """The benchmark without the check for a GPU."""

    def __init__(self, dataset_json: dict[str, Any]):
        nnUNetTrainer.__init__(self, tiny_plans(), "2d", 0, dataset_json, device=torch.device("cpu"))
        self.batch_size, self.num_input_channels = 2, 1


@pytest.fixture
def _some_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "some GPU")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 90100)
    monkeypatch.setattr(module.platform, "node", lambda: "host")


@pytest.mark.parametrize(("fold", "reason"), [(1, "fold 0"), (0, "measures GPUs")])
def test_other_folds_and_devices_are_refused(nnunet_folders: NnunetFolders, fold, reason) -> None:
    with pytest.raises(AssertionError, match=reason):
        module.nnUNetTrainerBenchmark_5epochs(tiny_plans(), "2d", fold, tiny_dataset_json(), device=torch.device("cpu"))


def read_result(trainer: nnUNetTrainer) -> dict[str, Any]:
    return json.loads((Path(trainer.output_folder) / "benchmark_result.json").read_text())


@pytest.mark.usefixtures("_some_gpu")
def test_the_fastest_epoch_is_recorded_next_to_earlier_results(nnunet_folders: NnunetFolders, monkeypatch) -> None:
    monkeypatch.setattr(nnUNetTrainer, "on_train_end", lambda self: None)
    trainer = OnAnyDevice(tiny_dataset_json())
    trainer._record_result("RuntimeError: out of memory")
    for epoch, (start, end) in enumerate([(0.0, 5.0), (5.0, 8.0), (8.0, 12.0)]):
        trainer.logger.log("epoch_start_timestamps", start, epoch)
        trainer.logger.log("epoch_end_timestamps", end, epoch)
    trainer.on_train_end()
    key = f"host__90100__{torch.__version__}__some GPU__num_gpus_1"
    assert read_result(trainer).keys() == {key}
    assert read_result(trainer)[key]["fastest_epoch"] == 3.0


@pytest.mark.usefixtures("_some_gpu")
def test_running_out_of_memory_is_a_result(nnunet_folders: NnunetFolders, monkeypatch) -> None:
    def run_out_of_memory(self: nnUNetTrainer) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(nnUNetTrainer, "run_training", run_out_of_memory)
    trainer = OnAnyDevice(tiny_dataset_json())
    trainer.run_training()
    (result,) = read_result(trainer).values()
    assert "out of memory" in result["fastest_epoch"]


def test_without_data_loading_one_batch_is_used_forever(nnunet_folders: NnunetFolders) -> None:
    train, val = OnAnyDevice(tiny_dataset_json()).get_dataloaders()
    batch = next(train)
    assert next(train) is batch
    assert batch["data"].shape == (2, 1, 16, 16)
    assert [tuple(target.shape) for target in batch["target"]] == [(2, 1, 16, 16), (2, 1, 8, 8)]
    assert next(val)["target"][0].unique().tolist() == [0, 1, 2]


def test_the_random_batch_of_regions_is_bool(nnunet_folders: NnunetFolders) -> None:
    batch = next(OnAnyDevice(tiny_dataset_json(with_regions=True)).get_dataloaders()[0])
    assert (batch["target"][0].dtype, batch["target"][0].shape) == (torch.bool, (2, 2, 16, 16))
