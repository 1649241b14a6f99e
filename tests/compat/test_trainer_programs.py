"""Trainer files as other people write them: they read, star-import and replace names in the trainer's module."""

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import SettingsError
from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as module
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import TinyDataset, make_trainer, write_preprocessed

SINGLE = TinyDataset(cases=5)
SEVERAL = TinyDataset(cases=10, domains=("north", "south"))

HEADER = """
    from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as trainer_module
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import *


    class ShortTrainer(nnUNetTrainer):
        def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict,
                     device: torch.device = torch.device("cpu")):
            super().__init__(plans, configuration, fold, dataset_json, device)
            self.num_epochs = self.num_iterations_per_epoch = self.num_val_iterations_per_epoch = 1

        def plot_network_architecture(self):
            pass
"""

SWAPPED_LOADER = (
    HEADER
    + """

    class HardCaseLoader(nnUNetDataLoader):
        def generate_train_batch(self):
            batch = super().generate_train_batch()
            batch["data"][:] = 7
            return batch


    class HardCaseTrainer(ShortTrainer):
        def get_dataloaders(self):
            original = trainer_module.nnUNetDataLoader
            trainer_module.nnUNetDataLoader = HardCaseLoader
            try:
                return super().get_dataloaders()
            finally:
                trainer_module.nnUNetDataLoader = original
    """
)

OWN_CASES = (
    HEADER
    + """

    class FirstCaseLoader(nnUNetDataLoader):
        def get_indices(self) -> List[str]:
            return [self.indices[0]] * self.batch_size


    class FirstCaseTrainer(ShortTrainer):
        balance_batches = True

        def get_dataloaders(self) -> Tuple[SingleThreadedAugmenter, SingleThreadedAugmenter]:
            trainer_module.nnUNetDataLoader = FirstCaseLoader
            return super().get_dataloaders()


    class FirstCaseTrainerWithoutRatios(FirstCaseTrainer):
        balance_batches = False
    """
)

OWN_LOSS = (
    HEADER
    + """

    class Doubled(DC_and_CE_loss):
        def forward(self, net_output: torch.Tensor, target: torch.Tensor):
            return 2 * super().forward(net_output, target)


    trainer_module.DC_and_CE_loss = Doubled


    class DoubledLossTrainer(ShortTrainer):
        pass
    """
)

OWN_AUGMENTER = (
    HEADER
    + """

    class CountingAugmenter(SingleThreadedAugmenter):
        batches = 0

        def __next__(self):
            type(self).batches += 1
            return super().__next__()


    trainer_module.NonDetMultiThreadedAugmenter = \\
        lambda data_loader, transform, num_processes, **options: CountingAugmenter(data_loader, transform)
    trainer_module.get_allowed_n_proc_DA = lambda: 3


    class CountingTrainer(ShortTrainer):
        pass
    """
)

OWN_LOADERS_FROM_STAR_IMPORT = (
    HEADER
    + """

    class PlainLoadersTrainer(ShortTrainer):
        @staticmethod
        def get_training_transforms(patch_size: Union[np.ndarray, Tuple[int]], rotation_for_DA: RandomScalar,
                                    deep_supervision_scales: Union[List, None], *args, **kwargs) -> BasicTransform:
            return ComposeTransforms([
                RandomTransform(GaussianNoiseTransform(noise_variance=(0, 0.1)), apply_probability=0.5),
                MirrorTransform(allowed_axes=(0, 1)),
                RemoveLabelTansform(-1, 0),
                DownsampleSegForDSTransform(ds_scales=deep_supervision_scales),
            ])

        def get_dataloaders(self):
            if self.dataset_class is None:
                self.dataset_class = infer_dataset_class(self.preprocessed_dataset_folder)
            patch_size = self.configuration_manager.patch_size
            scales = self._get_deep_supervision_scales()
            transforms = (self.get_training_transforms(patch_size, (0, 0), scales),
                          self.get_validation_transforms(scales))
            loaders = [
                nnUNetDataLoader(dataset, self.batch_size, patch_size, patch_size, self.label_manager,
                                 oversample_foreground_percent=self.oversample_foreground_percent, transforms=steps)
                for dataset, steps in zip(self.get_tr_and_val_datasets(), transforms)
            ]
            return tuple(SingleThreadedAugmenter(loader, None) for loader in loaders)

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr)
            return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

        def train_step(self, batch: dict) -> dict:
            data, target = batch["data"].to(self.device), [scale.to(self.device) for scale in batch["target"]]
            self.optimizer.zero_grad()
            with autocast(self.device.type, enabled=True) if self.device.type == "cuda" else dummy_context():
                loss = self.loss(self.network(data), target)
            loss.backward()
            self.optimizer.step()
            return {"loss": loss.detach().cpu().numpy()}

        def validation_step(self, batch: dict) -> dict:
            with torch.no_grad():
                output, target = self.network(batch["data"])[0], batch["target"][0]
                loss = self.loss.loss(output, target)
            onehot = torch.zeros_like(output).scatter_(1, output.argmax(1)[:, None], 1)
            tp, fp, fn, _ = get_tp_fp_fn_tn(onehot, target, axes=[0, 2, 3])
            counts = {"tp_hard": tp[1:].numpy(), "fp_hard": fp[1:].numpy(), "fn_hard": fn[1:].numpy()}
            return {"loss": loss.numpy(), **counts}
    """
)


@pytest.fixture
def trainer_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of external trainers; what they replace in the trainer's module is put back afterwards."""
    folder = tmp_path / "trainers"
    folder.mkdir()
    monkeypatch.setenv("nnUNet_extTrainer", str(folder))
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    before = dict(vars(module))
    yield folder
    vars(module).clear()
    vars(module).update(before)


def find(folder: Path, program: str, name: str) -> Any:
    """Write a trainer file and find its class as nnUNetv2_train does."""
    (folder / f"{name.lower()}_file.py").write_text(textwrap.dedent(program))
    return recursive_find_trainer_class_by_name(name)


def start(dataset: TinyDataset, folders: NnunetFolders, trainer_class: Any) -> Any:
    """Return an initialised trainer."""
    write_preprocessed(dataset, folders.preprocessed)
    trainer = make_trainer(dataset, trainer_class=trainer_class)
    trainer.initialize()
    return trainer


@pytest.mark.parametrize("dataset", [SINGLE, SEVERAL], ids=["single", "several domains"])
def test_a_swapped_loader_makes_all_batches(
    nnunet_folders: NnunetFolders, trainer_folder: Path, dataset: TinyDataset
) -> None:
    trainer = start(dataset, nnunet_folders, find(trainer_folder, SWAPPED_LOADER, "HardCaseTrainer"))
    for loader in trainer.get_dataloaders():
        assert torch.unique(next(loader)["data"]).tolist() == [7]


def test_a_swapped_loader_chooses_the_cases_of_a_single_domain(
    nnunet_folders: NnunetFolders, trainer_folder: Path
) -> None:
    trainer = start(SINGLE, nnunet_folders, find(trainer_folder, OWN_CASES, "FirstCaseTrainer"))
    loaders = trainer.get_dataloaders()
    assert [set(next(loader)["keys"]) for loader in loaders] == [{"case_001"}, {"case_000"}]


def test_on_several_domains_a_loader_that_chooses_the_cases_is_refused_unless_ratios_are_off(
    nnunet_folders: NnunetFolders, trainer_folder: Path
) -> None:
    trainer = start(SEVERAL, nnunet_folders, find(trainer_folder, OWN_CASES, "FirstCaseTrainer"))
    with pytest.raises(SettingsError, match=r"FirstCaseLoader, whose get_indices .*balance_batches = False"):
        trainer.get_dataloaders()
    again = make_trainer(SEVERAL, trainer_class=recursive_find_trainer_class_by_name("FirstCaseTrainerWithoutRatios"))
    again.initialize()
    assert len(set(next(again.get_dataloaders()[0])["keys"])) == 1


def test_a_replaced_loss_is_used(nnunet_folders: NnunetFolders, trainer_folder: Path) -> None:
    original = module.DC_and_CE_loss
    trainer = start(SINGLE, nnunet_folders, find(trainer_folder, OWN_LOSS, "DoubledLossTrainer"))
    assert type(trainer.loss.loss).__name__ == "Doubled"
    module.DC_and_CE_loss = original
    plain = make_trainer(SINGLE, trainer_class=type(trainer))
    plain.initialize()
    output = [torch.randn(2, 3, 32 // size, 32 // size) for size in (1, 2, 4)]
    target = [torch.ones(2, 1, 32 // size, 32 // size) for size in (1, 2, 4)]
    torch.testing.assert_close(trainer.loss(output, target), 2 * plain.loss(output, target))


def test_a_replaced_augmenter_makes_all_batches(nnunet_folders: NnunetFolders, trainer_folder: Path) -> None:
    trainer = start(SINGLE, nnunet_folders, find(trainer_folder, OWN_AUGMENTER, "CountingTrainer"))
    trainer.run_training()
    assert type(trainer.dataloader_train).__name__ == "CountingAugmenter"
    assert type(trainer.dataloader_train).batches == 4


def test_a_trainer_written_with_a_star_import_trains(nnunet_folders: NnunetFolders, trainer_folder: Path) -> None:
    trainer = start(SINGLE, nnunet_folders, find(trainer_folder, OWN_LOADERS_FROM_STAR_IMPORT, "PlainLoadersTrainer"))
    trainer.run_training()
    assert os.path.isfile(Path(trainer.output_folder) / "checkpoint_final.pth")
    assert np.isfinite(trainer.logger.get_value("train_losses", step=-1))


def test_replaced_functions_of_the_final_validation_are_used(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    class Predictor(module.nnUNetPredictor):  # type: ignore[name-defined]
        def predict_sliding_window_return_logits(self, input_image: torch.Tensor) -> torch.Tensor:
            calls.append("predict")
            return torch.zeros(3, *input_image.shape[1:])

    def score(*arguments: Any, **options: Any) -> dict[str, Any]:
        calls.append("score")
        return {"mean": {}, "foreground_mean": {"Dice": 0.5}}

    monkeypatch.setattr(module, "nnUNetPredictor", Predictor)
    monkeypatch.setattr(module, "export_prediction_from_logits", lambda *_: calls.append("export"))
    monkeypatch.setattr(module, "compute_metrics_on_folder", score)
    trainer = start(SINGLE, nnunet_folders, module.nnUNetTrainer)
    trainer.perform_actual_validation()
    assert calls == ["predict", "export", "score"]


def test_replaced_functions_of_a_cascade_are_used(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = start(SINGLE, nnunet_folders, module.nnUNetTrainer)
    trainer.configuration_manager.configuration["next_stage"] = "2d"
    for name in ("resample_and_save", "infer_dataset_class", "convert_labelmap_to_one_hot"):
        monkeypatch.setattr(module, name, name)
    plan = trainer._validation_plan(["case_000"], save_probabilities=False)
    (stage,) = plan.next_stages
    assert (stage.resample_and_save, stage.infer_dataset_class) == ("resample_and_save", "infer_dataset_class")
    assert plan.one_hot == "convert_labelmap_to_one_hot"


def test_replaced_folders_are_used(
    nnunet_folders: NnunetFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "nnUNet_results", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(module, "nnUNet_preprocessed", tmp_path / "pre")
    trainer = make_trainer(SINGLE)
    assert trainer.output_folder.startswith(str(tmp_path / "elsewhere"))
    assert trainer.preprocessed_dataset_folder_base == str(tmp_path / "pre" / SINGLE.name)


def test_a_replaced_precision_is_used_on_cuda(nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network runs on the CPU; only the name of the device is that of a GPU."""
    entered: list[tuple[Any, ...]] = []

    class Entered(module.dummy_context):  # type: ignore[name-defined]
        def __init__(self, *arguments: Any, **options: Any):
            entered.append((*arguments, options))

    class Movable(torch.Tensor):
        def to(self, *_: Any, **__: Any) -> torch.Tensor:
            return self.as_subclass(torch.Tensor)

    trainer = start(SINGLE, nnunet_folders, module.nnUNetTrainer)
    trainer.device = torch.device("cuda")
    monkeypatch.setattr(module, "autocast", Entered)
    batch = {
        "data": torch.randn(2, 3, 32, 32).as_subclass(Movable),
        "target": [torch.ones(2, 1, size, size).as_subclass(Movable) for size in (32, 16, 8)],
    }
    trainer.train_step(batch)
    trainer.validation_step(batch)
    assert entered == [("cuda", {"enabled": True})] * 2
