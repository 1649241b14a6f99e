"""The networks of all folds of a model, and the logits of tiles from them."""

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch

from nnunetv2.networks.compiled_networks import load_weights


class FoldNetworks:
    """Predicts batches of tiles with the weights of all folds of a predictor; its length is their number.

    Parameters:
        predictor: an initialised nnUNetPredictor, or any object with its hooks; clients override
            `_internal_maybe_mirror_and_predict`, which uses its `network`.
    """

    def __init__(self, predictor: Any):
        self._predictor = predictor
        parameters: Sequence[Any] = predictor.list_of_parameters or [None]
        self._networks = [_network_of(predictor.network, weights, len(parameters) > 1) for weights in parameters]
        for network in self._networks:
            network.to(predictor.device).eval()

    def __len__(self) -> int:
        return len(self._networks)

    @torch.inference_mode()
    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, folds * K, *tile) of tiles (B, C, *tile), fold after fold."""
        batch = tiles.to(self._predictor.device)
        with torch.autocast("cuda") if self._predictor.device.type == "cuda" else nullcontext():
            logits = [self._with(network, batch) for network in self._networks]
            return logits[0] if len(logits) == 1 else torch.cat(logits, dim=1)

    def _with(self, network: Any, batch: torch.Tensor) -> torch.Tensor:
        self._predictor.network = network
        logits: torch.Tensor = self._predictor._internal_maybe_mirror_and_predict(batch)
        return logits


def _network_of(network: Any, weights: Any, is_one_of_several: bool) -> Any:
    own = copy.deepcopy(network) if is_one_of_several else network
    if weights is not None:
        load_weights(own, weights)
    return own
