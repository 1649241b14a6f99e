"""Heads around a U-Net: same output, same weights file, edge loss through every wrapper."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from torch import Tensor, nn

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.boundary.edge_branch import EdgeAwareNetwork, EdgeBranch, NoEdgeBranch, plain_network
from nnunetv2.errors import SettingsError

WEIGHTS = [2 / 3, 1 / 3]


def make_network(dims: int = 2, kind: type[nn.Module] = PlainConvUNet, deep_supervision: bool = True) -> nn.Module:
    torch.manual_seed(0)
    convolution, norm = {2: (nn.Conv2d, nn.InstanceNorm2d), 3: (nn.Conv3d, nn.InstanceNorm3d)}[dims]
    return kind(
        3, 3, (4, 6, 8), convolution, 3, (1, 2, 2), 1, 3, 1, norm_op=norm, norm_op_kwargs={}, nonlin=nn.ReLU,
        nonlin_kwargs={"inplace": True}, deep_supervision=deep_supervision,
    )  # fmt: skip


def make_branch(network: nn.Module, dims: int = 2, scales: int = 2, **more: Any) -> EdgeBranch:
    return EdgeBranch.build(network, scales, dims, BoundaryLossSettings(), (1, 2), **more)


def make_labels(dims: int = 2) -> list[Tensor]:
    labels = torch.zeros(2, 1, *[16] * dims)
    labels[:, :, 3:9, 2:12] = 1
    labels[:, :, 9:13, 5:14] = 2
    return [labels, labels[(..., *[slice(None, None, 2)] * dims)]]


def image(dims: int = 2) -> Tensor:
    return torch.randn(2, 3, *[16] * dims, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", [PlainConvUNet, ResidualEncoderUNet])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_wrapped_network_returns_the_output_of_the_plain_one(dims: int, kind: type[nn.Module]) -> None:
    plain = make_network(dims, kind)
    expected = plain(image(dims))
    network = make_branch(plain, dims).wrap(plain)

    output = network(image(dims))

    assert all(torch.equal(one, other) for one, other in zip(output, expected, strict=True))
    assert network.edge_logits is not None
    assert [logits.shape for logits in network.edge_logits] == [(2, 2, *[16] * dims), (2, 2, *[8] * dims)]


@pytest.mark.parametrize("dims", [2, 3])
def test_the_edge_loss_reaches_heads_decoder_and_encoder(dims: int) -> None:
    plain = make_network(dims)
    branch = make_branch(plain, dims)
    network = branch.wrap(plain)
    network(image(dims))

    loss = branch.add_loss(torch.tensor(1.0), network, make_labels(dims), WEIGHTS)
    loss.backward()

    assert float(loss.detach()) == pytest.approx(1 + 0.2 * branch.edge_loss)
    for name in ("heads.heads.0.weight", "network.decoder.stages.1", "network.encoder.stages.0"):
        found = [p.grad for key, p in network.named_parameters() if key.startswith(name)]
        assert any(gradient is not None and gradient.any() for gradient in found), name


def test_the_edge_maps_of_an_observed_evaluation_are_compared_with_the_target() -> None:
    plain = make_network()
    branch = make_branch(plain)
    network = branch.wrap(plain).eval()
    with branch.observed(network):
        network(image())
    with torch.no_grad():
        for head in branch.heads.heads:
            head.bias.fill_(100.0)
    assert branch.agreement(network, make_labels())[-1, 0] == 0  # the maps are those of the pass, with few edges
    with branch.observed(network):
        network(image())
    predicted, near, edges, found = branch.agreement(network, make_labels())[-1].tolist()
    assert predicted == 2 * 2 * 16 * 16
    assert edges == found
    assert 0 < near < predicted


def test_the_plain_network_keeps_its_state_dict(tmp_path: Path) -> None:
    plain = make_network()
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    network = make_branch(plain).wrap(plain)
    network(image())

    torch.save(plain_network(network).state_dict(), tmp_path / "weights.pth")
    fresh = make_network()
    fresh.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))

    assert plain_network(network) is plain
    assert plain.state_dict().keys() == before.keys()
    assert not hasattr(network, "initialize")
    assert network.decoder is plain.decoder
    assert network.encoder is plain.encoder


def test_in_evaluation_nothing_is_computed_or_kept() -> None:
    plain = make_network()
    branch = make_branch(plain)
    network = branch.wrap(plain).eval()

    network(image())
    plain(image())

    assert network.edge_logits is None
    assert network._features.values == [None, None]
    assert branch.agreement(network, make_labels()) is None
    assert NoEdgeBranch().agreement(plain, make_labels()) is None
    with pytest.raises(SettingsError, match="training mode"):
        branch.add_loss(torch.tensor(0.0), network, make_labels(), WEIGHTS)


def test_logits_are_used_once() -> None:
    plain = make_network()
    branch = make_branch(plain)
    network = branch.wrap(plain)
    network(image())
    branch.add_loss(torch.tensor(0.0), network, make_labels(), WEIGHTS)

    with pytest.raises(SettingsError, match="no edge logits"):
        branch.add_loss(torch.tensor(0.0), network, make_labels(), WEIGHTS)


def test_without_deep_supervision_one_head_sits_on_the_last_stage() -> None:
    plain = make_network(deep_supervision=False)
    branch = make_branch(plain, scales=1)
    expected = plain(image())
    network = branch.wrap(plain)
    assert torch.equal(network(image()), expected)

    loss = branch.add_loss(torch.tensor(0.0), network, make_labels()[0], None)

    assert math.isfinite(float(loss.detach()))
    assert branch.edge_loss is not None
    assert branch.edge_loss > 0


@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.long)])
@pytest.mark.filterwarnings("ignore")
def test_the_edge_loss_survives_torch_compile(backend: str) -> None:
    plain = make_network()
    branch = make_branch(plain)
    network = branch.wrap(plain)
    network(image())
    expected = branch.add_loss(torch.tensor(0.0), network, make_labels(), WEIGHTS)
    compiled = torch.compile(network, backend=backend)

    losses = []
    for _ in range(2):
        compiled(image())
        losses.append(branch.add_loss(torch.tensor(0.0), compiled, make_labels(), WEIGHTS))
    losses[-1].backward()

    assert plain_network(compiled) is plain
    torch.testing.assert_close(torch.stack(losses).detach(), expected.detach().expand(2))
    assert branch.heads.heads[0].weight.grad is not None


@pytest.fixture
def distributed(tmp_path: Path) -> Iterator[None]:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("distributed")
def test_the_edge_loss_survives_distributed_training() -> None:
    plain = make_network()
    branch = make_branch(plain)
    network = nn.parallel.DistributedDataParallel(branch.wrap(plain))
    for _ in range(2):
        output = network(image())
        segmentation = sum(scale.square().mean() for scale in output)
        branch.add_loss(segmentation, network, make_labels(), WEIGHTS).backward()
    assert plain_network(network) is plain
    assert network.module.heads.heads[1].weight.grad.any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("distributed")
def test_distributed_steps_without_the_edge_loss_train_the_plain_network_alone() -> None:
    plain, alone = make_network(), make_network()
    branch = make_branch(plain)
    network = nn.parallel.DistributedDataParallel(branch.wrap(plain))
    for _ in range(2):
        for one in (network, alone):
            sum(scale.square().mean() for scale in one(image())).backward()

    for parameter, expected in zip(plain.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad, rtol=0, atol=0)
    assert not any(parameter.grad.any() for parameter in branch.heads.parameters())
    assert branch.edge_loss is None


def test_regions_and_ignore_channel_are_understood() -> None:
    plain = make_network()
    by_labels = make_branch(plain, ignore_label=3)
    network = by_labels.wrap(plain)
    by_regions = EdgeBranch(by_labels.heads, by_labels.settings, (1, 2), ignore_label=3, has_regions=True)
    labels = make_labels()
    for scale in labels:
        scale[:, :, :2] = 3
    regions = [torch.cat([scale == 1, scale == 2, scale == 3], dim=1) for scale in labels]

    network(image())
    first = by_labels.add_loss(torch.tensor(0.0), network, labels, WEIGHTS)
    network(image())
    second = by_regions.add_loss(torch.tensor(0.0), network, regions, WEIGHTS)

    assert torch.equal(first, second)


def test_heads_are_saved_and_restored_and_their_absence_accepted() -> None:
    first, second = (make_branch(make_network()) for _ in range(2))
    nn.init.normal_(first.heads.heads[0].weight)

    second.load_state_dict(first.state_dict())
    second.load_state_dict({})

    assert torch.equal(second.heads.heads[0].weight, first.heads.heads[0].weight)


def test_heads_predict_rare_edges_at_first() -> None:
    plain = make_network()
    network = make_branch(plain).wrap(plain)
    network(image())

    assert 0.03 < float(torch.sigmoid(network.take_edge_logits()[0].detach()).mean()) < 0.08


def test_a_network_without_decoder_is_refused_with_the_way_out() -> None:
    with pytest.raises(SettingsError, match="nnUNetTrainerNoEdgeHeads"):
        make_branch(nn.Sequential(nn.Conv2d(3, 3, 1)))
    with pytest.raises(SettingsError, match="nnUNetTrainerNoEdgeHeads"):
        make_branch(make_network(), scales=5)


def test_a_network_that_was_not_wrapped_is_refused() -> None:
    plain = make_network()

    with pytest.raises(SettingsError, match="wrap it"):
        make_branch(plain).add_loss(torch.tensor(0.0), plain, make_labels(), WEIGHTS)


def test_the_null_branch_changes_nothing() -> None:
    plain, branch = make_network(), NoEdgeBranch()
    loss = torch.tensor(1.5)

    assert branch.wrap(plain) is plain
    assert branch.add_loss(loss, plain, make_labels(), WEIGHTS) is loss
    assert branch.state_dict() == {}
    assert branch.edge_loss is None
    branch.load_state_dict({"anything": 1})


def test_a_branch_learns_the_edges_of_a_picture() -> None:
    plain = make_network()
    branch = make_branch(plain)
    network: EdgeAwareNetwork = branch.wrap(plain)
    labels = make_labels()
    picture = torch.cat([labels[0] == 1, labels[0] == 2, labels[0] == 0], dim=1).float()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        network(picture)
        loss = branch.add_loss(torch.tensor(0.0), network, labels, WEIGHTS)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))

    assert losses[-1] < 0.5 * losses[0]
