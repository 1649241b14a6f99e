"""The parts of a training compared with those of nnU-Net 2.8.1: one script runs with both and must print the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.training.data_augmentation.default_pipeline import rotation_and_initial_patch_size
from nnunetv2.training.loss.segmentation_loss import deep_supervision_weights
from tests.differential.oracle import run_oracle, run_ours

LOSSES = """
    import sys
    import numpy as np
    import torch
    from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss, DC_and_CE_loss, DC_and_topk_loss
    from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss, SoftDiceLoss

    results = {}

    def record(name, loss, logits, target):
        logits = logits.clone().requires_grad_()
        value = loss(logits, target.clone())
        value.backward()
        results[name] = value.detach().numpy()
        results[name + " gradient"] = logits.grad.numpy()

    generator = torch.Generator().manual_seed(1)
    for shape in ((3, 4, 12, 10), (2, 3, 6, 5, 7)):
        classes = shape[1]
        logits = 3 * torch.randn(shape, generator=generator)
        labels = torch.randint(0, classes, (shape[0], 1, *shape[2:]), generator=generator)
        ignored = torch.where(torch.rand(labels.shape, generator=generator) < 0.3, classes, labels)
        regions = torch.rand(shape, generator=generator) < 0.4
        with_mask = torch.cat([regions, torch.rand(labels.shape, generator=generator) < 0.3], 1)
        for batch_dice in (False, True):
            name = f"{len(shape)} {batch_dice} "
            options = {"batch_dice": batch_dice, "smooth": 1e-5, "do_bg": False, "ddp": False}
            all_channels = {**options, "do_bg": True}
            for kind in (SoftDiceLoss, MemoryEfficientSoftDiceLoss):
                label = name + kind.__name__
                record(label + " ce", DC_and_CE_loss(options, {}, dice_class=kind), logits, labels)
                record(label + " ce ignore", DC_and_CE_loss(options, {}, 1, 2, classes, kind), logits, ignored.short())
                record(label + " bce", DC_and_BCE_loss({}, all_channels, dice_class=kind), logits, regions)
                record(label + " bce ignore", DC_and_BCE_loss({}, all_channels, 2, 1, True, kind), logits, with_mask)
            record(name + "topk", DC_and_topk_loss(options, {"k": 10}), logits, labels)
            record(name + "topk ignore", DC_and_topk_loss(options, {"k": 10}, ignore_label=classes), logits, ignored)
    np.savez(sys.argv[1], **results)
"""

SCHEDULES = """
    import json
    import torch
    from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
    from nnunetv2.training.lr_scheduler.warmup import (
        Lin_incr_LRScheduler, Lin_incr_offset_LRScheduler, PolyLRScheduler_offset)

    makers = {
        "poly": lambda o: PolyLRScheduler(o, 0.02, 20),
        "exponent": lambda o: PolyLRScheduler(o, 0.02, 20, 0.5),
        "rise": lambda o: Lin_incr_LRScheduler(o, 0.02, 20),
        "late rise": lambda o: Lin_incr_offset_LRScheduler(o, 0.02, 20, 5),
        "late poly": lambda o: PolyLRScheduler_offset(o, 0.02, 20, 5),
    }
    results = {}
    for name, make in makers.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.01)
        scheduler = make(optimizer)
        rates = [optimizer.param_groups[0]["lr"]]
        for step in [*range(20), None, None]:
            scheduler.step(step)
            rates.append(optimizer.param_groups[0]["lr"])
        results[name] = rates
    print(json.dumps(results))
"""

TRAINER_SETTINGS = """
    import json
    from types import SimpleNamespace
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    patches = [[256, 256], [512, 512], [320, 256], [512, 256], [512, 320], [40, 56], [128] * 3, [64, 128, 128],
               [96, 160, 160], [28, 256, 256], [16, 48, 48], [16, 49, 48], [20, 256, 224], [64, 192, 160]]
    geometry = []
    for patch in patches:
        trainer = SimpleNamespace(
            configuration_manager=SimpleNamespace(patch_size=patch), print_to_log_file=lambda *parts, **options: None)
        rotation, dummy, initial, axes = (
            nnUNetTrainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size(trainer))
        geometry.append([patch, list(rotation), bool(dummy), [int(size) for size in initial], list(axes)])
    weights = {}
    for outputs in range(2, 8):
        trainer = SimpleNamespace(
            label_manager=SimpleNamespace(has_regions=False, ignore_label=None), is_ddp=False,
            configuration_manager=SimpleNamespace(batch_dice=True), enable_deep_supervision=True,
            _do_i_compile=lambda: False, _get_deep_supervision_scales=lambda: [[1.0, 1.0]] * outputs)
        loss = nnUNetTrainer._build_loss(trainer)
        weights[outputs] = [float(weight) for weight in loss.weight_factors]
    print(json.dumps([geometry, weights]))
"""

PIPELINES = """
    import itertools
    import re
    import sys
    try:
        from nnunetv2.training.data_augmentation.default_pipeline import training_pipeline, validation_pipeline
    except ImportError:
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
        training_pipeline = nnUNetTrainer.get_training_transforms
        validation_pipeline = nnUNetTrainer.get_validation_transforms

    def show(*steps):
        for step in steps:
            print("  ", re.sub(" at 0x[0-9a-f]+", "", repr(step)))

    shapes = {"2d": ((64, 48), False), "3d": ((16, 32, 32), False), "dummy": ((8, 64, 64), True)}
    for name, masked, cascaded, regions, ignore in itertools.product(
            shapes, (None, [False, True]), (False, True), (None, [(1, 2), 2]), (None, 3)):
        patch, dummy = shapes[name]
        scales = None if masked else [[1.0] * len(patch), [0.5] * len(patch)]
        mirror = (0, 1) if cascaded else None
        labels = {"is_cascaded": cascaded, "foreground_labels": [1, 2], "regions": regions, "ignore_label": ignore}
        print(name, masked, cascaded, regions, ignore)
        labels["use_mask_for_norm"] = masked
        show(*training_pipeline(patch, (-0.5, 0.5), scales, mirror, dummy, **labels).transforms)
        del labels["use_mask_for_norm"]
        show(*validation_pipeline(scales, **labels).transforms)
"""

BOXES = """
    import contextlib
    import io
    import json
    import warnings
    import numpy as np
    from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

    class Dataset:
        identifiers = ["a"]

    managers = [
        LabelManager({"background": 0, "a": 1, "b": 2}, None),
        LabelManager({"background": 0, "a": 1, "b": 2, "ignore": 3}, None),
        LabelManager({"background": 0, "w": [1, 2], "b": 2}, [1, 2]),
    ]
    draw = np.random.RandomState(5)
    np.random.seed(0)
    warnings.simplefilter("ignore")
    boxes = []
    for _ in range(600):
        kind, axes = draw.randint(3), draw.randint(2, 4)
        image = [int(size) for size in draw.randint(1, 60, 3)]
        final = draw.randint(1, 30, axes).tolist()
        patch = [size + int(draw.randint(0, 15)) for size in final]
        classes = [(1, 2), 2] if kind == 2 else [1, 2] + [(-1, 0, 1, 2)] * (kind == 1)
        locations = {c: np.array([[0, *draw.randint(image)] for _ in range(draw.randint(3))]).reshape(-1, 4)
                     for c in classes}
        pad = draw.randint(0, 5, axes).tolist() if draw.rand() < 0.3 else None
        wanted = classes[draw.randint(len(classes))] if draw.rand() < 0.2 else None
        loader = nnUNetDataLoader(Dataset(), 2, patch, final, managers[kind], 0.33, pad_sides=pad)
        with contextlib.redirect_stdout(io.StringIO()):
            box = loader.get_bbox(np.array(image), bool(draw.rand() < 0.5), locations, wanted)
        boxes.append([[int(corner) for corner in corners] for corners in box])
    forced = [[bool(nnUNetDataLoader(Dataset(), size, (8, 8), (8, 8), managers[0], p).get_do_oversample(i))
               for i in range(size)] for size in range(1, 13) for p in (0.0, 0.33, 0.5, 1.0)]
    print(json.dumps([boxes, forced]))
"""

WRITE_CASES = """
    import sys
    import numpy as np
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    draw = np.random.RandomState(3)
    for folder, shape in (("2d", (3, 1, 70, 90)), ("3d", (1, 20, 40, 36))):
        for number in range(4):
            image = draw.normal(size=shape).astype(np.float32)
            seg = draw.randint(-1, 4, (1, *shape[1:])).astype(np.int8)
            locations = {label: np.argwhere(seg == label)[:200] for label in (1, 2)}
            locations[(1, 2)] = locations[1]
            locations[(-1, 0, 1, 2)] = np.argwhere(seg < 3)[:200]
            nnUNetDatasetBlosc2.save_case(
                image, seg, {"class_locations": locations}, f"{sys.argv[1]}/{folder}/case_{number}")
"""

BATCHES = """
    import sys
    import numpy as np
    import torch
    from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
    from nnunetv2.utilities.label_handling.label_handling import LabelManager
    try:
        from nnunetv2.training.data_augmentation.default_pipeline import training_pipeline, validation_pipeline
    except ImportError:
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
        training_pipeline = nnUNetTrainer.get_training_transforms
        validation_pipeline = nnUNetTrainer.get_validation_transforms

    results = {}
    cases = {
        "2d": ((40, 40), (32, 32), {"background": 0, "a": 1, "b": 2, "c": 3}, None),
        "3d": ((24, 40, 40), (16, 32, 32), {"background": 0, "w": [1, 2], "b": 2, "ignore": 3}, [1, 2]),
    }
    for name, (initial, final, labels, order) in cases.items():
        manager = LabelManager(labels, order)
        scales = [[1.0] * len(final), [0.5] * len(final)]
        targets = {"regions": manager.foreground_regions if manager.has_regions else None,
                   "ignore_label": manager.ignore_label}
        training = training_pipeline(
            final, (-3.14, 3.14), scales, (0, 1), False, foreground_labels=manager.foreground_labels, **targets)
        for step in training.transforms:
            vars(getattr(step, "transform", step)).update(benchmark=False)  # would choose an algorithm by its time
        for kind, size, transforms in (
                ("train", initial, training), ("val", final, validation_pipeline(scales, **targets))):
            loader = nnUNetDataLoader(nnUNetDatasetBlosc2(f"{sys.argv[1]}/{name}"), 3, size, final, manager, 0.33,
                                      transforms=transforms)
            np.random.seed(11)
            torch.manual_seed(12)
            for number in range(4):
                batch = next(loader)
                label = f"{name} {kind} {number} "
                results[label + "data"], results[label + "keys"] = batch["data"].numpy(), batch["keys"]
                for scale, target in enumerate(batch["target"]):
                    results[f"{label}target {scale}"] = target.numpy()
    np.savez(sys.argv[2], **results)
"""


def arrays_of_both(script: str, folder: Path, *arguments: object) -> tuple[dict[str, Any], dict[str, Any]]:
    loaded = []
    for name, run in (("stock", run_oracle), ("ours", run_ours)):
        run(script, *arguments, folder / f"{name}.npz")
        with np.load(folder / f"{name}.npz") as content:
            loaded.append(dict(content))
    stock, ours = loaded
    assert list(stock) == list(ours)
    assert len(stock) > 10
    return stock, ours


def test_losses_and_their_gradients(tmp_path: Path) -> None:
    stock, ours = arrays_of_both(LOSSES, tmp_path)
    for name, expected in stock.items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours[name], expected, rtol=1e-6, atol=1e-6 * scale, err_msg=name)


def test_learning_rates() -> None:
    stock, ours = (json.loads(run(SCHEDULES)) for run in (run_oracle, run_ours))
    assert stock.keys() == ours.keys()
    for name, rates in stock.items():
        assert ours[name] == pytest.approx(rates, rel=1e-12, abs=1e-15), name


def test_geometry_of_the_augmentation_and_weights_of_deep_supervision() -> None:
    geometry, weights = json.loads(run_oracle(TRAINER_SETTINGS))
    for patch, rotation, dummy_2d, initial, axes in geometry:
        ours = rotation_and_initial_patch_size(patch)
        assert (list(ours[0]), ours[1], ours[2].tolist(), list(ours[3])) == (rotation, dummy_2d, initial, axes), patch
    for outputs, expected_weights in weights.items():
        assert deep_supervision_weights(int(outputs)) == pytest.approx(expected_weights, rel=1e-12)


def test_pipelines_have_the_same_steps_and_parameters() -> None:
    stock, ours = (run(PIPELINES).splitlines() for run in (run_oracle, run_ours))
    assert len(stock) > 500
    assert ours == stock


def test_patch_positions_and_forced_samples() -> None:
    assert run_ours(BOXES) == run_oracle(BOXES)


def test_batches_are_identical_with_equal_seeds(tmp_path: Path) -> None:
    for folder in ("2d", "3d"):
        (tmp_path / folder).mkdir()
    run_oracle(WRITE_CASES, tmp_path)
    stock, ours = arrays_of_both(BATCHES, tmp_path, tmp_path)
    for name, expected in stock.items():
        assert (ours[name].shape, ours[name].dtype) == (expected.shape, expected.dtype), name
        np.testing.assert_array_equal(ours[name], expected, err_msg=name)
