"""Checkpoints, on one domain and on several."""

import json
from pathlib import Path

import pytest
import torch

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.errors import CheckpointError, CheckpointMismatchError
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, STOCK_KEYS, run
from tests.training.tiny_dataset import TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_a_checkpoint_of_one_domain_has_exactly_the_keys_of_nnunet(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SINGLE, nnunet_folders)

    content = torch.load(Path(trainer.output_folder) / "checkpoint_final.pth", weights_only=True)

    assert list(content) == STOCK_KEYS
    assert content["current_epoch"] == 2
    assert content["trainer_name"] == "TinyTrainer"
    assert content["inference_allowed_mirroring_axes"] == (0, 1)
    assert list(content["init_args"]) == ["plans", "configuration", "fold", "dataset_json", "device"]
    assert len(content["logging"]) == 8
    assert list(content["network_weights"]) == list(trainer.network.state_dict())


def test_a_run_resumes_where_it_stopped(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    second = make_trainer(SINGLE)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")
    second.num_epochs = 3
    second.run_training()

    assert second.current_epoch == 3
    assert [len(values) for values in second.logger.get_checkpoint().values()] == [3] * 8
    assert second.logger.get_value("train_losses", None)[:2] == first.logger.get_value("train_losses", None)


def test_load_and_save_are_a_round_trip_bit_by_bit(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    path = Path(first.output_folder) / "checkpoint_best.pth"
    before = torch.load(path, weights_only=True)
    second = make_trainer(SINGLE)
    second.load_checkpoint(filename_or_checkpoint=before)
    second.current_epoch -= 1
    second.save_checkpoint(path)

    after = torch.load(path, weights_only=True)
    assert {key: after[key] for key in STOCK_KEYS[3:]} == {key: before[key] for key in STOCK_KEYS[3:]}
    assert all(torch.equal(value, before["network_weights"][key]) for key, value in after["network_weights"].items())
    for index, state in before["optimizer_state"]["state"].items():
        assert torch.equal(state["momentum_buffer"], after["optimizer_state"]["state"][index]["momentum_buffer"])


def test_a_checkpoint_is_accepted_under_both_parameter_names(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    path = f"{first.output_folder}/checkpoint_final.pth"
    second = make_trainer(SINGLE)

    second.load_checkpoint(checkpoint=path)

    assert second.current_epoch == 2


def test_a_checkpoint_of_another_network_is_a_one_line_error_and_changes_nothing(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    plans = SINGLE.plans()
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["features_per_stage"] = [4, 4, 4]
    other = TinyTrainer(plans, "2d", 0, SINGLE.dataset_json())

    with pytest.raises(CheckpointMismatchError, match="does not match this network") as caught:
        other.load_checkpoint(f"{first.output_folder}/checkpoint_final.pth")
    assert "\n" not in str(caught.value)
    assert other.current_epoch == 0


def test_a_changed_dataset_is_reported_when_a_run_is_resumed(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    dataset_json = {**SINGLE.dataset_json(), "numTraining": 99}
    second = TinyTrainer(SINGLE.plans(), "2d", 0, dataset_json)
    second.load_checkpoint(f"{first.output_folder}/checkpoint_final.pth")

    assert "dataset_json changed in numTraining" in Path(second.log_file).read_text()


def test_disabled_checkpointing_writes_none(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.disable_checkpointing = True
    trainer.run_training()
    trainer.perform_actual_validation()

    assert list(Path(trainer.output_folder).glob("*.pth")) == []
    assert "No checkpoint written" in Path(trainer.log_file).read_text()


def test_the_latest_checkpoint_is_removed_once_the_final_one_is_written(nnunet_folders: NnunetFolders) -> None:
    seen: list[bool] = []

    class Watching(TinyTrainer):
        def on_train_end(self) -> None:
            seen.append((Path(self.output_folder) / "checkpoint_latest.pth").is_file())
            super().on_train_end()

    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE, trainer_class=Watching)
    trainer.save_every = 1
    trainer.run_training()

    assert seen == [True]
    assert not (Path(trainer.output_folder) / "checkpoint_latest.pth").exists()


def test_a_checkpoint_of_several_domains_is_a_stock_one_with_one_extra_key(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders)
    content = torch.load(Path(trainer.output_folder) / "checkpoint_final.pth", weights_only=True)
    plain = plain_network(trainer.network)

    assert list(content) == [*STOCK_KEYS, "drift"]
    assert list(content["network_weights"]) == list(plain.state_dict())
    (group,) = content["optimizer_state"]["param_groups"]
    assert group["params"] == list(range(len(list(plain.parameters()))))
    assert set(content["drift"]) == {"version", "edge_heads", "edge_optimizer", "domains", "ratios", "domain_curves"}
    assert content["_best_ema"] == trainer.domain_scoring.curves.ema_balanced_dice[-1] or content["_best_ema"] == max(
        trainer.domain_scoring.curves.ema_balanced_dice
    )


def test_heads_and_their_momentum_are_restored_from_a_checkpoint(nnunet_folders: NnunetFolders) -> None:
    first = run(SEVERAL, nnunet_folders)
    second = make_trainer(SEVERAL)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")

    for name, value in first.edge_branch.state_dict().items():
        assert torch.equal(value, second.edge_branch.state_dict()[name])
    assert second.edge_loss_weights == second.loss.weight_factors
    states = [trainer.optimizer.state_dict()["state"] for trainer in (first, second)]
    assert list(states[0]) == list(states[1])
    for index, state in states[0].items():
        assert torch.equal(state["momentum_buffer"], states[1][index]["momentum_buffer"])
    assert second.domain_scoring.curves == first.domain_scoring.curves
    second.num_epochs = 3
    second.run_training()
    assert len(second.domain_scoring.curves.balanced_dice) == 3


def test_a_training_without_edge_heads_goes_on_from_one_that_had_them_and_says_so(
    nnunet_folders: NnunetFolders,
) -> None:
    first = run(SEVERAL, nnunet_folders)
    second = make_trainer(SEVERAL, trainer_class=type("NoHeads", (TinyTrainer,), {"use_edge_heads": False}))
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")
    second.num_epochs = 3
    second.run_training()

    assert second.current_epoch == 3
    assert any(
        "nnUNetTrainerJointBalancing" in log.read_text()
        for log in Path(second.output_folder).glob("training_log_*.txt")
    )


@pytest.mark.parametrize("part", ["network_weights", "edge_heads", "optimizer_state"])
def test_a_checkpoint_that_does_not_fit_changes_nothing(nnunet_folders: NnunetFolders, part: str) -> None:
    first = run(SEVERAL, nnunet_folders)
    content = torch.load(Path(first.output_folder) / "checkpoint_final.pth", weights_only=True)
    broken = content["drift"] if part == "edge_heads" else content
    broken[part] = {"param_groups": []} if part == "optimizer_state" else dict(list(broken[part].items())[1:])
    second = make_trainer(SEVERAL)
    second.initialize()
    before = {name: value.clone() for name, value in second.network.state_dict().items()}

    with pytest.raises(CheckpointError):
        second.load_checkpoint(content)

    assert all(torch.equal(value, before[name]) for name, value in second.network.state_dict().items())
    assert second.current_epoch == 0


def test_a_checkpoint_of_one_domain_starts_a_balanced_training(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    (nnunet_folders.preprocessed / "Dataset901_Tiny" / "domains.json").write_text(
        json.dumps({"domains": {"a": SINGLE.case_names[:5], "b": SINGLE.case_names[5:]}})
    )
    second = make_trainer(SINGLE)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")
    second.num_epochs = 3
    second.run_training()

    assert "written without domains" in Path(second.log_file).read_text()
    assert len(second.domain_scoring.curves.dice["a"]) == 3
