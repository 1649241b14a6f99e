"""Start a training from the weights of another one."""

import os
from typing import TYPE_CHECKING

from nnunetv2.errors import IncompleteCheckpointError
from nnunetv2.networks.normalization import has_running_statistics
from nnunetv2.networks.weights import check_weights, named_as_in

if TYPE_CHECKING:
    from torch import Tensor, nn

FRESH = ".seg_layers."
"""Parameters whose name contains this are not transferred: they belong to the classes of their own dataset."""


def load_pretrained_weights(network: "nn.Module", fname: str | os.PathLike[str], verbose: bool = False) -> None:
    """Copy all weights except those of the segmentation layers from a checkpoint into `network`.

    The network may be wrapped (DDP, torch.compile, edge heads). Other weights in the file are ignored. Raises
    CheckpointMismatchError, an AssertionError, if a weight is missing or has another shape.
    """
    put_weights(network, weights_of(fname), fname, verbose)


def put_weights(
    network: "nn.Module", weights: "dict[str, Tensor]", fname: str | os.PathLike[str], verbose: bool = False
) -> None:
    """Do the same with the weights of a checkpoint that has been read."""
    from nnunetv2.boundary.edge_branch import plain_network
    from nnunetv2.training.run_folder.run_log import say

    plain = plain_network(network)
    own = plain.state_dict()
    chosen = transferable(own, weights, str(fname))
    plain.load_state_dict({**own, **chosen})
    if has_running_statistics(weights) and not has_running_statistics(own):
        say(
            f"WARNING: {fname} was trained with batch normalization, which this network lacks; its weights fit less "
            "well. Plans with the network of that model's plans.json start from them as they are."
        )
    if verbose:
        say(f"Loaded {len(chosen)} tensors from {fname}: {', '.join(chosen)}")


def weights_of(fname: str | os.PathLike[str]) -> "dict[str, Tensor]":
    """Return the weights in a checkpoint, by name. Raises IncompleteCheckpointError if it has none."""
    from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file

    content = load_checkpoint_file(fname, "cpu")
    if "network_weights" not in content:
        raise IncompleteCheckpointError(f"{fname} lacks network_weights; it contains {', '.join(map(str, content))}")
    weights: dict[str, Tensor] = content["network_weights"]
    return weights


def transferable(own: "dict[str, Tensor]", weights: "dict[str, Tensor]", source: str) -> "dict[str, Tensor]":
    """Return those of `weights` that replace `own`. Raises CheckpointMismatchError unless all match."""
    wanted = {name: value for name, value in own.items() if FRESH not in name}
    weights = named_as_in(own, weights)
    chosen = {name: weights[name] for name in wanted if name in weights}
    check_weights(wanted, chosen, source, "Pretrain with the same plans (nnUNetv2_move_plans_between_datasets)")
    return chosen
