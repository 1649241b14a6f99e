"""Every trainer that nnU-Net 2.8.1 ships, built by both: settings, loss, optimizer, schedule, augmentation, network."""

import json
from typing import Any

import pytest

from tests.conftest import NnunetFolders
from tests.differential.oracle import run_oracle, run_ours
from tests.training.nnUNetTrainer.variants.tiny_plans import as_json

pytestmark = pytest.mark.long

LENGTHS = (5, 10, 20, 50, 100, 250, 500, 750, 2000, 4000, 8000)
IN_2D = [
    "nnUNetTrainer_1epoch",
    *(f"nnUNetTrainer_{length}epochs" for length in LENGTHS),
    *(f"nnUNetTrainer_{length}epochs_NoMirroring" for length in (250, 2000, 4000, 8000)),
    "nnUNetTrainer_onlyMirror01_1500ep",
    "nnUNetTrainerDA5_10epochs",
    "nnUNetTrainerCELoss",
    "nnUNetTrainerCELoss_5epochs",
    "nnUNetTrainerTopk10Loss",
    "nnUNetTrainerTopk10LossLS01",
    "nnUNetTrainerDiceTopK10Loss",
    "nnUNetTrainerDiceLoss",
    "nnUNetTrainerDiceCELoss_noSmooth",
    "nnUNetTrainerCosAnneal",
    "nnUNetTrainer_warmup",
    "nnUNetTrainerNoDeepSupervision",
    "nnUNetTrainerAdam",
    "nnUNetTrainerAdam1en3",
    "nnUNetTrainerAdam3en4",
    "nnUNetTrainerVanillaAdam",
    "nnUNetTrainerVanillaAdam1en3",
    "nnUNetTrainerVanillaAdam3en4",
    "nnUNetTrainerAdan",
    "nnUNetTrainerAdan1en3",
    "nnUNetTrainerAdan3en4",
    "nnUNetTrainerAdan1en1",
    "nnUNetTrainerAdanCosAnneal",
    "nnUNetTrainer_probabilisticOversampling",
    "nnUNetTrainer_probabilisticOversampling_033",
    "nnUNetTrainer_probabilisticOversampling_010",
]
IN_2D_AND_3D = [
    "nnUNetTrainer",
    "nnUNetTrainerNoMirroring",
    "nnUNetTrainer_onlyMirror01",
    "nnUNetTrainer_onlyMirror01_DASegOrd0",
    "nnUNetTrainer_DASegOrd0",
    "nnUNetTrainer_DASegOrd0_NoMirroring",
    "nnUNetTrainerNoDA",
    "nnUNetTrainer_noDummy2DDA",
    "nnUNetTrainerDA5",
    "nnUNetTrainerDA5ord0",
    "nnUNetTrainerDA5Segord0",
    "nnUNetTrainer_onlyMirror01_DA5",
    "nnUNetTrainerBN",
]
VARIANTS = [f"{name} 2d" for name in IN_2D + IN_2D_AND_3D] + [f"{name} 3d_fullres" for name in IN_2D_AND_3D]

DESCRIBE = """
    import contextlib
    import copy
    import io
    import json
    import re
    import sys
    import types
    import warnings
    import torch
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    warnings.simplefilter("ignore")
    adan = types.ModuleType("adan_pytorch")
    adan.Adan = lambda parameters, **options: torch.optim.SGD(parameters, **options)
    sys.modules["adan_pytorch"] = adan
    transformers = types.ModuleType("dynamic_network_architectures.architectures.primus")
    for name in ("Primus", "PrimusV2S", "PrimusV2B", "PrimusV2M", "PrimusV2L"):
        setattr(transformers, name, object)  # not compared here, and the real ones take seconds to import
    sys.modules[transformers.__name__] = transformers
    plans, labels, regions = json.loads(sys.argv[1])

    def text(value):
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (list, tuple, set)):
            return [text(entry) for entry in value]
        if hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, types.FunctionType) or callable(value) and not hasattr(value, "__dict__"):
            return "function"
        if type(value).__module__.startswith(("batchgenerators", "nnunetv2", "torch.nn")):
            return [type(value).__name__, {key: text(entry) for key, entry in vars(value).items()
                                           if not key.startswith("_") and key != "training"}]
        return re.sub(" at 0x[0-9a-f]+", "", str(value))

    def describe_loss(trainer):
        try:
            loss = trainer._build_loss()
        except AssertionError:
            return "AssertionError"
        return {name: text(module) for name, module in loss.named_modules()}

    def make(name, configuration, dataset):
        kind = recursive_find_trainer_class_by_name(name)
        return kind(copy.deepcopy(plans), configuration, 0, dataset, device=torch.device("cpu"))

    def describe(name, configuration):
        trainer = make(name, configuration, labels)
        trainer._set_batch_size_and_oversample()
        network = trainer.build_network_architecture(
            trainer.plans_manager, trainer.configuration_manager, 1, 3, trainer.enable_deep_supervision)
        trainer.network = network
        trainer.optimizer, trainer.lr_scheduler = trainer.configure_optimizers()
        geometry = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        rotation, dummy, initial, mirror = geometry
        options = {"use_mask_for_norm": [True], "is_cascaded": True, "foreground_labels": [1, 2]}
        pipelines = [
            trainer.get_training_transforms(
                patch, rotation, None, mirror, in_plane, **options).transforms
            for patch, in_plane in (
                [((24, 24), False), ((24, 16), False)] if configuration == "2d"
                else [((16, 24, 24), False), ((8, 16, 12), False), ((8, 32, 32), True)])]
        rates = []
        for epoch in sorted(e for e in {0, 1, 49, 50, 60, trainer.num_epochs - 1} if e < trainer.num_epochs):
            trainer.current_epoch = epoch
            trainer.logger.local_logger.my_fantastic_logging["lrs"] = [0.0] * epoch
            trainer.on_train_epoch_start()
            rates.append(trainer.optimizer.param_groups[0]["lr"])
        regional = make(name, configuration, regions)
        return {
            "settings": {key: getattr(trainer, key, None) for key in (
                "num_epochs", "initial_lr", "weight_decay", "oversample_foreground_percent", "batch_size",
                "probabilistic_oversampling", "enable_deep_supervision", "num_iterations_per_epoch", "save_every",
                "warmup_duration_whole_net")},
            "geometry": text(geometry),
            "inference axes": text(trainer.inference_allowed_mirroring_axes),
            "loss": describe_loss(trainer),
            "loss of regions": describe_loss(regional),
            "optimizer": {key: value for key, value in trainer.optimizer.param_groups[0].items() if key != "params"},
            "rates": rates,
            "layers": sorted({type(module).__name__ for module in network.modules()}),
            "pipelines": text(pipelines),
        }

    results = {}
    for variant in sys.argv[2].split(","):
        with contextlib.redirect_stdout(io.StringIO()):
            results[variant] = describe(*variant.split())
    print(json.dumps(results))
"""


def test_every_variant_is_built_like_nnunets(nnunet_folders: NnunetFolders) -> None:
    stock, ours = (
        json.loads(run(DESCRIBE, as_json(), ",".join(VARIANTS), env=nnunet_folders.environment))
        for run in (run_oracle, run_ours)
    )
    assert list(stock) == list(ours) == VARIANTS
    for variant, expected in stock.items():
        for aspect, value in expected.items():
            assert_same(ours[variant][aspect], value, f"{variant}: {aspect}")


def assert_same(ours: Any, stock: Any, what: str) -> None:
    """Compare numbers by value, whatever their type, and everything else exactly."""
    if isinstance(stock, dict):
        assert ours.keys() == stock.keys(), what
        for key, value in stock.items():
            assert_same(ours[key], value, f"{what}, {key}")
    elif isinstance(stock, list):
        assert len(ours) == len(stock), what
        for number, (one, other) in enumerate(zip(ours, stock, strict=True)):
            assert_same(one, other, f"{what}, {number}")
    elif isinstance(stock, float) and isinstance(ours, int | float):
        assert ours == pytest.approx(stock, rel=1e-12, abs=1e-15), what
    else:
        assert ours == stock, what
