"""The networks of all folds of a model, and the logits of tiles from them."""

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch

from nnunetv2.networks.compiled_networks import load_weights


class FoldNetworks:
    """Predicts batches of tiles with a predictor, averaged over the folds in float32 before tiles are weighted.

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

    @torch.inference_mode()
    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, K, *tile) of tiles (B, C, *tile), float32 or as the network computes them."""
        batch = tiles.to(self._predictor.device)
        with torch.autocast("cuda") if self._predictor.device.type == "cuda" else nullcontext():
            if len(self._networks) == 1:
                return self._with(self._networks[0], batch)
            total = self._with(self._networks[0], batch).float()
            for network in self._networks[1:]:
                total += self._with(network, batch)
            return total / len(self._networks)

    def _with(self, network: Any, batch: torch.Tensor) -> torch.Tensor:
        self._predictor.network = network
        logits: torch.Tensor = self._predictor._internal_maybe_mirror_and_predict(batch)
        return logits


def _network_of(network: Any, weights: Any, is_one_of_several: bool) -> Any:
    own = copy.deepcopy(network) if is_one_of_several else network
    if weights is not None:
        load_weights(own, weights)
    return own
