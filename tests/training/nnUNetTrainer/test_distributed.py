"""A training in two processes that exchange gradients, on the CPU."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.run.training_run import cleanup_ddp, find_free_network_port, setup_ddp
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, make_trainer, write_preprocessed

SEVERAL = TinyDataset(domains=("north", "south"), batch_size=3)


class OneEpoch(TinyTrainer):
    """Also records which cases it trained on."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.num_epochs = 1
        self.seen: list[str] = []

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        self.seen += [str(key) for key in batch["keys"]]
        return super().train_step(batch)


class Seeded(OneEpoch):
    training_seed = 5


def train_as_one(rank: int, ranks: int, dataset: TinyDataset, environment: dict[str, str], output: str) -> None:
    """Train as one of the ranks; write what came out."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    MetaLogger.plot_progress_png = lambda *_: None  # type: ignore[method-assign,assignment]
    if ranks > 1:
        setup_ddp(rank, ranks)
    trainer = make_trainer(dataset, trainer_class=Seeded)
    trainer.num_epochs = 2
    trainer.run_training()
    logged = {name: trainer.logger.get_value(name, None) for name in ("train_losses", "val_losses", "ema_fg_dice")}
    curves = trainer.domain_scoring.curves
    parts = {
        "weights": plain_network(trainer.network).state_dict(),
        "heads": trainer.edge_branch.state_dict(),
        "logged": {**logged, "edge_loss": curves.edge_loss, "balanced_dice": curves.balanced_dice},
        "seen": trainer.seen,
    }
    torch.save(parts, f"{output}/rank_{rank}_of_{ranks}.pth")
    if ranks > 1:
        cleanup_ddp()


@pytest.mark.slow
@pytest.mark.parametrize("batch_dice", [False, True])
def test_two_ranks_give_the_numbers_of_one_process_with_the_same_batches(
    nnunet_folders: NnunetFolders, tmp_path: Path, batch_dice: bool
) -> None:
    dataset = TinyDataset(domains=("north", "south"), batch_size=4, batch_dice=batch_dice)
    write_preprocessed(dataset, nnunet_folders.preprocessed)
    meeting = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(find_free_network_port()), "nnUNet_n_proc_DA": "0"}
    for ranks in (1, 2):
        arguments = (ranks, dataset, {**nnunet_folders.environment, **meeting}, str(tmp_path))
        mp.spawn(train_as_one, args=arguments, nprocs=ranks, join=True)

    names = ("rank_0_of_1", "rank_0_of_2", "rank_1_of_2")
    whole, first, second = (torch.load(tmp_path / f"{name}.pth", weights_only=False) for name in names)
    pairs = zip(first["seen"][::2], first["seen"][1::2], second["seen"][::2], second["seen"][1::2], strict=True)
    assert [case for step in pairs for case in step] == whole["seen"]
    for name, curve in whole["logged"].items():
        assert first["logged"][name] == pytest.approx(curve, rel=2e-5), name
    for part in ("weights", "heads"):
        for name, value in whole[part].items():
            torch.testing.assert_close(first[part][name], value, rtol=1e-4, atol=2e-5, msg=name)


def train(rank: int, environment: dict[str, str], output: str) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    MetaLogger.plot_progress_png = lambda *_: None  # type: ignore[method-assign,assignment]
    setup_ddp(rank, 2)
    trainer = make_trainer(SEVERAL, trainer_class=OneEpoch)
    trainer.run_training()
    trainer.perform_actual_validation()
    heads, weights = trainer.edge_branch.state_dict(), plain_network(trainer.network).state_dict()
    result = {"heads": heads, "weights": weights, "seen": trainer.seen, "batch_size": trainer.batch_size}
    result |= {
        "losses": trainer.logger.get_value("train_losses", None),
        "curves": trainer.domain_scoring.curves.to_dict(),
    }
    torch.save(result, f"{output}/rank_{rank}.pth")
    dist.barrier()
    cleanup_ddp()


@pytest.mark.slow
def test_two_ranks_train_one_network_and_balance_their_union(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    meeting = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(find_free_network_port()), "nnUNet_n_proc_DA": "0"}
    mp.spawn(train, args=({**nnunet_folders.environment, **meeting}, str(tmp_path)), nprocs=2, join=True)

    first, second = (torch.load(tmp_path / f"rank_{rank}.pth", weights_only=False) for rank in (0, 1))
    assert (first["batch_size"], second["batch_size"]) == (2, 1)
    for part in ("weights", "heads"):
        for name, value in first[part].items():
            assert torch.equal(value, second[part][name]), name
    assert first["losses"] == second["losses"]
    assert first["curves"] == second["curves"]
    domains = [SEVERAL.domain_of(int(key.removeprefix("case_"))) for key in first["seen"] + second["seen"]]
    assert abs(domains.count("north") - domains.count("south")) <= 1
    fold = nnunet_folders.results / SEVERAL.name / "OneEpoch__nnUNetPlans__2d" / "fold_0"
    content = torch.load(fold / "checkpoint_final.pth", weights_only=True)
    assert not any(name.startswith(("module.", "network.")) for name in content["network_weights"])
    assert len(list((fold / "validation").glob("*.png"))) == 4 / 2
    assert (fold / "validation" / "domain_summary.json").is_file()
