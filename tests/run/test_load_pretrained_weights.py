from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nnunetv2.errors import CheckpointMismatchError, IncompleteCheckpointError
from nnunetv2.run.load_pretrained_weights import load_pretrained_weights


def make_network(value: float, classes: int = 2) -> nn.Module:
    network = nn.Module()
    network.body = nn.Conv2d(1, 3, 1)
    network.decoder = nn.Module()
    network.decoder.seg_layers = nn.ModuleList([nn.Conv2d(3, classes, 1)])
    for parameter in network.parameters():
        nn.init.constant_(parameter, value)
    return network


def save(weights: dict[str, Tensor], folder: Path) -> Path:
    torch.save({"network_weights": OrderedDict(weights)}, folder / "pretrained.pth")
    return folder / "pretrained.pth"


def test_all_weights_except_the_segmentation_layers_are_copied(tmp_path: Path) -> None:
    network = make_network(1.0)
    weights = {**make_network(2.0, classes=5).state_dict(), "surplus": torch.zeros(1)}

    load_pretrained_weights(network, save(weights, tmp_path))

    assert network.body.weight.unique().tolist() == [2.0]
    assert network.decoder.seg_layers[0].weight.unique().tolist() == [1.0]


def test_weights_with_the_prefix_of_distributed_training_are_copied(tmp_path: Path) -> None:
    network = make_network(1.0)
    weights = {f"module.{name}": value for name, value in make_network(2.0).state_dict().items()}

    load_pretrained_weights(network, save(weights, tmp_path))

    assert network.body.bias.unique().tolist() == [2.0]


@pytest.mark.long
def test_weights_are_copied_into_a_compiled_network(tmp_path: Path) -> None:
    network = make_network(1.0)

    load_pretrained_weights(torch.compile(network, backend="eager"), save(make_network(2.0).state_dict(), tmp_path))

    assert network.body.bias.unique().tolist() == [2.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body.weight": torch.zeros(3, 2, 1, 1)}, r"of another shape: body\.weight is \(3, 2, 1, 1\)"),
        ({"body.weight": None}, r"lacks body\.weight\. Pretrain with the same plans"),
    ],
)
def test_weights_that_do_not_match_are_refused_by_name(
    tmp_path: Path, change: dict[str, Tensor | None], message: str
) -> None:
    network = make_network(1.0)
    weights = {k: v for k, v in {**make_network(2.0).state_dict(), **change}.items() if v is not None}

    with pytest.raises(CheckpointMismatchError, match=message) as caught:
        load_pretrained_weights(network, save(weights, tmp_path))
    assert isinstance(caught.value, AssertionError)
    assert network.body.bias.unique().tolist() == [1.0]


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"something": 1}, tmp_path / "c.pth")

    with pytest.raises(IncompleteCheckpointError, match="lacks network_weights; it contains something"):
        load_pretrained_weights(make_network(1.0), tmp_path / "c.pth")


def test_verbose_lists_the_loaded_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_pretrained_weights(make_network(1.0), save(make_network(2.0).state_dict(), tmp_path), verbose=True)

    assert "Loaded 2 tensors" in capsys.readouterr().out


def test_weights_trained_with_batch_normalization_are_named_when_the_network_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {**make_network(2.0).state_dict(), "body.running_mean": torch.zeros(3)}

    load_pretrained_weights(make_network(1.0), save(make_network(2.0).state_dict(), tmp_path))
    assert not capsys.readouterr().out
    load_pretrained_weights(make_network(1.0), save(weights, tmp_path))

    assert "pretrained.pth was trained with batch normalization, which this network lacks" in capsys.readouterr().out
