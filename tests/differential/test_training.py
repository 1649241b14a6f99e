"""Whole trainings compared with those of nnU-Net 2.8.1, checkpoints both ways, folds, the cascade.

The same script runs with both packages, from equal seeds and with loaders in the same process, so every random draw
must agree.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file
from tests.conftest import NnunetFolders, make_folders
from tests.differential.oracle import run_oracle, run_ours
from tests.training.tiny_dataset import DATASET, TinyDataset, write_preprocessed

pytestmark = pytest.mark.long

DATASETS = {
    "labels": TinyDataset(name="Dataset901_Labels"),
    "regions": TinyDataset(
        name="Dataset902_Regions",
        labels={"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3},
        regions_class_order=(1, 2),
    ),
    "ignore": TinyDataset(
        name="Dataset903_Ignore", labels={"background": 0, "outer": 1, "inner": 2, "ignore": 3}, batch_size=3
    ),
    "volumes": TinyDataset(name="Dataset904_Volumes", dims=3),
}
VALIDATED = {name: DATASETS[name] for name in ("regions", "volumes")}

COMMON = """
    import json
    import sys
    from os.path import join

    import numpy as np
    import torch

    from nnunetv2.paths import nnUNet_preprocessed
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


    class TinyTrainer(nnUNetTrainer):
        balance_batches = use_edge_heads = True  # ours; nnU-Net has no such parts

        def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cpu")):
            super().__init__(plans, configuration, fold, dataset_json, device)
            self.num_epochs = 2
            self.num_iterations_per_epoch = 5
            self.num_val_iterations_per_epoch = 2

        def plot_network_architecture(self):
            pass


    def make_trainer(dataset, configuration, fold=0):
        folder = join(nnUNet_preprocessed, dataset)
        with open(join(folder, "nnUNetPlans.json")) as plans, open(join(folder, "dataset.json")) as dataset_json:
            plans = {**json.load(plans), "continue_training": False}
            trainer = TinyTrainer(plans, configuration, fold, json.load(dataset_json), torch.device("cpu"))
        trainer.logger.plot_progress_png = lambda folder: None
        return trainer


    def seed():
        np.random.seed(7)
        torch.manual_seed(7)
"""

TRAIN = (
    COMMON
    + """

    def train(dataset, configuration):
        seed()
        trainer = make_trainer(dataset, configuration)
        trainer.run_training()
        if dataset in sys.argv[2:]:
            trainer.perform_actual_validation(True)

    if __name__ == "__main__":
        for dataset, configuration in json.loads(sys.argv[1]).items():
            train(dataset, configuration)
    """
)

RESUME = (
    COMMON
    + """

    if __name__ == "__main__":
        seed()
        trainer = make_trainer(sys.argv[1], "2d")
        trainer.load_checkpoint(sys.argv[2])
        trainer.num_epochs = 3
        trainer.run_training()
    """
)

STOPPED = (
    COMMON
    + """
    import signal

    from nnunetv2.foundation.stop_signals import Stopped, signals_watched

    if __name__ == "__main__":
        trainer = make_trainer(sys.argv[1], "2d")
        trainer.training_seed = 3
        step = trainer.train_step

        def stop_in_the_second_epoch(batch):
            if trainer.current_epoch == 1:
                signal.raise_signal(signal.SIGTERM)
            return step(batch)

        trainer.train_step = stop_in_the_second_epoch
        try:
            with signals_watched():
                trainer.run_training()
        except Stopped:
            pass
    """
)

SPLIT = (
    COMMON
    + """

    if __name__ == "__main__":
        folds = {}
        for dataset in sys.argv[1:]:
            for fold in (0, 1, 2, 3, 4, 5, 7, "all"):
                trainer = make_trainer(dataset, "2d", fold)
                trainer.initialize()
                folds[f"{dataset} {fold}"] = [sorted(cases) for cases in trainer.do_split()]
        print("RESULT", json.dumps(folds))
    """
)

CASCADE = (
    COMMON
    + """

    if __name__ == "__main__":
        if sys.argv[2] == "lowres":
            seed()
            trainer = make_trainer(sys.argv[1], "3d_lowres", "all")
            trainer.num_epochs = 1
            trainer.run_training()
            trainer.perform_actual_validation()
        else:
            seed()
            trainer = make_trainer(sys.argv[1], "3d_cascade", 0)
            trainer.run_training()
    """
)

ENVIRONMENT = {"nnUNet_n_proc_DA": "0", "nnUNet_def_n_proc": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Pair:
    """The folders of the same work done by ours and by the oracle."""

    ours: NnunetFolders
    oracle: NnunetFolders

    def run(self, script: str, *arguments: object) -> tuple[str, str]:
        """Run a script with both."""
        ours = run_ours(script, *arguments, env={**ENVIRONMENT, **self.ours.environment}, forks=True)
        return ours, run_oracle(script, *arguments, env={**ENVIRONMENT, **self.oracle.environment}, forks=True)

    def folds(self, dataset: TinyDataset, configuration: str | None = None) -> tuple[Path, Path]:
        """Return the folders of fold 0 of both."""
        name = f"TinyTrainer__nnUNetPlans__{configuration or dataset.configuration}"
        return tuple(side.results / dataset.name / name / "fold_0" for side in (self.ours, self.oracle))  # type: ignore[return-value]


def make_pair(root: Path) -> Pair:
    return Pair(make_folders(root / "ours"), make_folders(root / "oracle"))


def load(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two epochs of five steps and a validation of each dataset, by both."""
    pair = make_pair(tmp_path_factory.mktemp("trained"))
    for dataset in DATASETS.values():
        for side in (pair.ours, pair.oracle):
            write_preprocessed(dataset, side.preprocessed)
    configurations = {dataset.name: dataset.configuration for dataset in DATASETS.values()}
    pair.run(TRAIN, json.dumps(configurations), *(dataset.name for dataset in VALIDATED.values()))
    return pair


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_a_training_from_equal_seeds_gives_equal_numbers(trained: Pair, dataset: TinyDataset) -> None:
    ours, oracle = (load(fold / "checkpoint_final.pth") for fold in trained.folds(dataset))

    assert list(ours) == list(oracle)
    for key in ("train_losses", "val_losses", "mean_fg_dice", "ema_fg_dice", "dice_per_class_or_region"):
        np.testing.assert_allclose(
            ours["logging"][key][:1], oracle["logging"][key][:1], rtol=1e-6, atol=1e-6, err_msg=key
        )
        np.testing.assert_allclose(ours["logging"][key], oracle["logging"][key], rtol=1e-4, atol=1e-4, err_msg=key)
    assert ours["logging"]["lrs"] == oracle["logging"]["lrs"]
    assert ours["_best_ema"] == pytest.approx(float(oracle["_best_ema"]), abs=1e-6)
    for key in ("current_epoch", "trainer_name", "inference_allowed_mirroring_axes", "grad_scaler_state"):
        assert ours[key] == oracle[key], key


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_ten_steps_from_equal_weights_and_batches_give_equal_weights(trained: Pair, dataset: TinyDataset) -> None:
    ours, oracle = (load(fold / "checkpoint_final.pth") for fold in trained.folds(dataset))

    assert list(ours["network_weights"]) == list(oracle["network_weights"])
    for name, value in oracle["network_weights"].items():
        torch.testing.assert_close(ours["network_weights"][name], value, rtol=1e-4, atol=1e-4, msg=name)
    assert ours["optimizer_state"]["param_groups"] == oracle["optimizer_state"]["param_groups"]
    assert list(ours["optimizer_state"]["state"]) == list(oracle["optimizer_state"]["state"])
    for index, state in oracle["optimizer_state"]["state"].items():
        momentum = ours["optimizer_state"]["state"][index]["momentum_buffer"]
        torch.testing.assert_close(momentum, state["momentum_buffer"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dataset", VALIDATED.values(), ids=VALIDATED)
def test_the_final_validation_writes_the_same_files_with_the_same_content(trained: Pair, dataset: TinyDataset) -> None:
    ours, oracle = (fold / "validation" for fold in trained.folds(dataset))

    assert sorted(file.name for file in ours.iterdir()) == sorted(file.name for file in oracle.iterdir())
    for file in oracle.glob("*.npz"):
        probabilities = [np.load(folder / file.name)["probabilities"] for folder in (ours, oracle)]
        assert probabilities[0].dtype == probabilities[1].dtype
        np.testing.assert_allclose(*probabilities, atol=5e-3)  # logits are stored as half
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (ours, oracle)]
    assert list(summaries[0]["mean"]) == list(summaries[1]["mean"])
    for key in ("Dice", "IoU"):
        assert summaries[0]["foreground_mean"][key] == pytest.approx(
            summaries[1]["foreground_mean"][key], abs=1e-3, nan_ok=True
        )


@pytest.mark.parametrize("dataset", VALIDATED.values(), ids=VALIDATED)
def test_model_folders_have_the_same_files(trained: Pair, dataset: TinyDataset) -> None:
    ours, oracle = (
        {str(file.relative_to(fold.parent)) for file in fold.parent.rglob("*") if "training_log" not in file.name}
        for fold in trained.folds(dataset)
    )

    assert ours - oracle == {"fold_0/training_curves.json"}
    assert oracle - ours == set()
    plans = [json.loads((fold.parent / "plans.json").read_text()) for fold in trained.folds(dataset)]
    assert plans[0] == plans[1]
    debug = [json.loads((fold / "debug.json").read_text()) for fold in trained.folds(dataset)]
    assert set(debug[1]) - set(debug[0]) == set()


# checkpoints both ways


def test_a_checkpoint_of_nnunet_is_read_as_torch_reads_it(trained: Pair) -> None:
    for fold in trained.folds(DATASETS["labels"]):
        read, expected = (reader(fold / "checkpoint_final.pth") for reader in (load_on_cpu, load))
        assert list(read) == list(expected)
        assert str(read["logging"]) == str(expected["logging"])
        assert read["init_args"] == expected["init_args"]
        assert str(read["optimizer_state"]) == str(expected["optimizer_state"])
        for name, weights in expected["network_weights"].items():
            assert torch.equal(read["network_weights"][name], weights)


def load_on_cpu(path: Path) -> dict[str, Any]:
    return load_checkpoint_file(path, "cpu")


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyDataset, NnunetFolders]:
    """Our training on two domains, with every part on."""
    dataset = TinyDataset(name="Dataset905_Domains", domains=("a", "b"))
    folders = make_folders(tmp_path_factory.mktemp("balanced"))
    write_preprocessed(dataset, folders.preprocessed)
    run_ours(TRAIN, json.dumps({dataset.name: "2d"}), env={**ENVIRONMENT, **folders.environment})
    return dataset, folders


def test_nnunet_resumes_from_our_checkpoint_and_we_from_its(trained: Pair) -> None:
    dataset = DATASETS["labels"]
    ours, oracle = trained.folds(dataset)
    for target, source in ((trained.ours, oracle), (trained.oracle, ours)):
        run = run_ours if target is trained.ours else run_oracle
        shutil.copy(source / "checkpoint_final.pth", target.results / "other.pth")
        run(RESUME, dataset.name, target.results / "other.pth", env={**ENVIRONMENT, **target.environment})

    after = [load(fold / "checkpoint_final.pth") for fold in (ours, oracle)]
    assert [content["current_epoch"] for content in after] == [3, 3]
    np.testing.assert_allclose(*(content["logging"]["train_losses"] for content in after), atol=1e-4)


def test_nnunet_resumes_from_a_checkpoint_of_joint_balancing(
    balanced: tuple[TinyDataset, NnunetFolders], tmp_path: Path
) -> None:
    dataset, folders = balanced
    checkpoint = folders.results / dataset.name / "TinyTrainer__nnUNetPlans__2d" / "fold_0" / "checkpoint_final.pth"
    saved = load(checkpoint)
    target = make_folders(tmp_path)
    write_preprocessed(dataset, target.preprocessed)

    run_oracle(RESUME, dataset.name, checkpoint, env={**ENVIRONMENT, **target.environment})

    after = load(target.results / checkpoint.relative_to(folders.results))
    assert saved["drift"]["edge_heads"]
    assert "drift" not in after
    assert after["current_epoch"] == 3
    assert after["logging"]["train_losses"][:2] == saved["logging"]["train_losses"]
    assert list(after["optimizer_state"]["state"]) == list(saved["optimizer_state"]["state"])


DEFAULT_TRAINING = """
    import json
    import sys
    from os.path import join

    import torch

    from nnunetv2.paths import nnUNet_preprocessed
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    name = sys.argv[1]
    read = lambda file: json.load(open(join(nnUNet_preprocessed, name, file)))
    trainer = nnUNetTrainer(read("nnUNetPlans.json"), "2d", 0, read("dataset.json"), torch.device("cpu"))
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 3, 1
    trainer.run_training()
"""
PREDICT = """
    import sys

    import numpy as np
    import torch

    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(sys.argv[1], (0,), "checkpoint_final.pth")
    image = np.random.default_rng(3).normal(size=(3, 1, 60, 50)).astype(np.float32)
    logits = predictor.predict_logits_from_preprocessed_data(torch.from_numpy(image))
    np.save(sys.argv[2], np.asarray(logits))
"""


@pytest.fixture(scope="module")
def batch_normalized(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyDataset, NnunetFolders, Path]:
    """Our default training on two domains; the last is the model's folder."""
    dataset = TinyDataset(name="Dataset906_Slides", domains=("a", "b"), batch_size=4)
    folders = make_folders(tmp_path_factory.mktemp("batch_normalized"))
    write_preprocessed(dataset, folders.preprocessed)
    run_ours(DEFAULT_TRAINING, dataset.name, env={**ENVIRONMENT, **folders.environment})
    return dataset, folders, folders.results / dataset.name / "nnUNetTrainer__nnUNetPlans__2d"


def test_nnunet_predicts_the_same_with_our_model_of_several_domains_and_its_batch_normalization(
    batch_normalized: tuple[TinyDataset, NnunetFolders, Path], tmp_path: Path
) -> None:
    _, folders, model = batch_normalized
    assert "BatchNorm2d" in (model / "plans.json").read_text()

    for name, run in (("ours", run_ours), ("oracle", run_oracle)):
        run(PREDICT, model, tmp_path / f"{name}.npy", env={**ENVIRONMENT, **folders.environment})

    np.testing.assert_array_equal(*(np.load(tmp_path / f"{name}.npy") for name in ("ours", "oracle")))


RESUME_WITH_PLANS = """
    import json
    import sys
    from os.path import join

    import torch

    from nnunetv2.paths import nnUNet_preprocessed
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    name, plans, checkpoint = sys.argv[1:]
    read = lambda file: json.load(open(file))
    dataset_json = read(join(nnUNet_preprocessed, name, "dataset.json"))
    trainer = nnUNetTrainer({**read(plans), "continue_training": False}, "2d", 0, dataset_json, torch.device("cpu"))
    trainer.load_checkpoint(checkpoint)
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 2, 3, 1
    trainer.logger.plot_progress_png = trainer.plot_network_architecture = lambda *folder: None
    trainer.run_training()
"""


def test_nnunet_resumes_from_our_batch_normalization_with_the_plans_of_the_model(
    batch_normalized: tuple[TinyDataset, NnunetFolders, Path], tmp_path: Path
) -> None:
    dataset, folders, model = batch_normalized
    checkpoint = model / "fold_0" / "checkpoint_final.pth"
    target = make_folders(tmp_path)
    write_preprocessed(dataset, target.preprocessed)

    environment = {**ENVIRONMENT, **target.environment}
    run_oracle(RESUME_WITH_PLANS, dataset.name, model / "plans.json", checkpoint, env=environment)

    after, before = load(target.results / checkpoint.relative_to(folders.results)), load(checkpoint)
    assert (before["current_epoch"], after["current_epoch"]) == (1, 2)
    steps = next(name for name in before["network_weights"] if name.endswith("num_batches_tracked"))
    assert (int(before["network_weights"][steps]), int(after["network_weights"][steps])) == (3, 6)


def test_nnunet_repeats_the_epoch_in_which_a_signal_stopped_our_training(tmp_path: Path) -> None:
    dataset, ours, target = DATASETS["labels"], make_folders(tmp_path / "ours"), make_folders(tmp_path / "oracle")
    for folders in (ours, target):
        write_preprocessed(dataset, folders.preprocessed)
    run_ours(STOPPED, dataset.name, env={**ENVIRONMENT, **ours.environment})
    fold = Path(dataset.name) / "TinyTrainer__nnUNetPlans__2d" / "fold_0"
    saved = load(ours.results / fold / "checkpoint_latest.pth")
    assert saved["drift"]["epoch_so_far"]["steps"] == 1

    run_oracle(
        RESUME, dataset.name, ours.results / fold / "checkpoint_latest.pth", env={**ENVIRONMENT, **target.environment}
    )

    after = load(target.results / fold / "checkpoint_final.pth")
    assert (saved["current_epoch"], after["current_epoch"]) == (1, 3)
    assert {len(curve) for curve in after["logging"].values()} == {3}
    assert after["logging"]["train_losses"][:1] == saved["logging"]["train_losses"]


# folds


def test_folds_and_their_file_are_those_of_nnunet(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    names = {number: f"Dataset{number:03d}_Folds" for number in (5, 10, 12, 100)}
    for side in (pair.ours, pair.oracle):
        for number, name in names.items():
            folder = write_preprocessed(TinyDataset(name=name, cases=1), side.preprocessed)
            for case in range(number):
                shutil.copy(folder / "tiny" / "case_000.b2nd", folder / "tiny" / f"p{case}.b2nd")
            (folder / "tiny" / "case_000.b2nd").unlink()
    outputs = pair.run(SPLIT, *names.values())

    ours, oracle = (json.loads(output.partition("RESULT ")[2]) for output in outputs)
    assert ours == oracle
    assert len(ours) == 32
    for name in names.values():
        files = [(side.preprocessed / name / "splits_final.json").read_bytes() for side in (pair.ours, pair.oracle)]
        assert files[0] == files[1]


# cascade


def cascade_plans(dataset: TinyDataset) -> dict[str, Any]:
    plans = dataset.plans()
    lowres = plans["configurations"].pop("3d_fullres")
    cascade = {**lowres, "data_identifier": "tiny_fullres", "previous_stage": "3d_lowres"}
    plans["configurations"] = {
        "3d_lowres": {**lowres, "next_stage": "3d_cascade", "spacing": [4.0, 2.0, 2.0]},
        "3d_cascade": {**cascade, "spacing": [2.0, 1.0, 1.0]},
    }
    return plans


def write_cascade(dataset: TinyDataset, root: Path) -> None:
    """Write the cases at both resolutions; the lower one has every second voxel."""
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    folder = write_preprocessed(dataset, root)
    (folder / "nnUNetPlans.json").write_text(json.dumps(cascade_plans(dataset)))
    shutil.copytree(folder / "tiny", folder / "tiny_fullres")
    full = nnUNetDatasetBlosc2(str(folder / "tiny_fullres"))
    for case in full.identifiers:
        data, seg, _, properties = full.load_case(case)
        halves = [np.ascontiguousarray(array[:][:, ::2, ::2, ::2]) for array in (data, seg)]
        locations = {label: np.argwhere(halves[1] == label) for label in (1, 2)}
        target = folder / "tiny" / case
        for ending in (".b2nd", "_seg.b2nd", ".pkl"):
            target.with_name(case + ending).unlink()
        nnUNetDatasetBlosc2.save_case(
            *halves,
            {**properties, "class_locations": locations},
            str(target),
            *(halves[0].shape, halves[0].shape, halves[1].shape, halves[1].shape),
        )


def test_the_stages_of_a_cascade_hand_over_the_same_files_in_both_directions(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    dataset = TinyDataset(name="Dataset906_Cascade", dims=3, cases=5)
    for side in (pair.ours, pair.oracle):
        write_cascade(dataset, side.preprocessed)
    pair.run(CASCADE, dataset.name, "lowres")

    handed = [
        side.results / dataset.name / "TinyTrainer__nnUNetPlans__3d_lowres" / "predicted_next_stage" / "3d_cascade"
        for side in (pair.ours, pair.oracle)
    ]
    compare_handed(dataset, *handed)
    for source, target in (handed, handed[::-1]):
        shutil.move(source, source.with_name("own"))
        shutil.copytree(target if target.is_dir() else target.with_name("own"), source)
    pair.run(CASCADE, dataset.name, "fullres")
    ours, oracle = (load(fold / "checkpoint_final.pth") for fold in pair.folds(dataset, "3d_cascade"))
    np.testing.assert_allclose(ours["logging"]["train_losses"], oracle["logging"]["train_losses"], atol=1e-4)
    np.testing.assert_allclose(ours["logging"]["mean_fg_dice"], oracle["logging"]["mean_fg_dice"], atol=1e-4)


def compare_handed(dataset: TinyDataset, ours: Path, oracle: Path) -> None:
    import blosc2

    assert sorted(file.name for file in ours.iterdir()) == sorted(file.name for file in oracle.iterdir())
    for case in dataset.case_names:
        arrays = [np.asarray(blosc2.open(str(folder / f"{case}.b2nd"))[:]) for folder in (ours, oracle)]
        assert arrays[0].dtype == arrays[1].dtype
        assert arrays[0].shape == arrays[1].shape == dataset.shape
        assert np.mean(arrays[0] != arrays[1]) <= 1e-3


# constructor


def test_the_attributes_of_the_oracle_exist_with_the_same_values(tmp_path: Path) -> None:
    script = (
        COMMON
        + """

    if __name__ == "__main__":
        trainer = make_trainer(sys.argv[1], "2d")
        found = {name: getattr(trainer, name) for name in dir(trainer) if not name.startswith("__")}
        known = {k: repr(v) for k, v in found.items() if isinstance(v, (int, float, str, tuple, type(None)))}
        print("RESULT", json.dumps({**known, "all": sorted(found)}))
        """
    )
    pair = make_pair(tmp_path)
    for side in (pair.ours, pair.oracle):
        write_preprocessed(TinyDataset(cases=5), side.preprocessed)
    outputs = pair.run(script, DATASET)
    ours, oracle = (
        json.loads(output.partition("RESULT ")[2].replace(str(side.results.parent), "ROOT"))
        for output, side in zip(outputs, (pair.ours, pair.oracle), strict=True)
    )

    assert set(oracle["all"]) - set(ours["all"]) == set()
    skipped = {"all", "log_file"}
    assert {k: v for k, v in ours.items() if k in oracle and k not in skipped} == {
        k: v for k, v in oracle.items() if k not in skipped
    }
