"""A hash that tells one model from others, wherever its files are and however it was loaded."""

import hashlib
import json
from typing import Any

import torch

_CHARACTERS = 16


def model_identity(predictor: Any) -> str:
    """Return a hash of everything that decides the predictions of an initialised predictor.

    That is the weights of all folds, plans, configuration, labels, mirrored axes and, as it may override hooks, the
    class of the predictor.
    """
    digest = hashlib.sha256(json.dumps(_described(predictor), sort_keys=True, default=str).encode())
    for weights in predictor.list_of_parameters or [predictor.network.state_dict()]:
        for name in sorted(weights):
            _add(digest, name, weights[name])
    return digest.hexdigest()[:_CHARACTERS]


def _described(predictor: Any) -> dict[str, Any]:
    kind = type(predictor)
    return {
        "plans": predictor.plans_manager.plans,
        "configuration": predictor.configuration_manager.configuration,
        "labels": {key: predictor.dataset_json.get(key) for key in ("labels", "regions_class_order", "channel_names")},
        "mirrored_axes": predictor.allowed_mirroring_axes,
        "class": f"{kind.__module__}.{kind.__qualname__}",
    }


def _add(digest: Any, name: str, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    else:  # what a layer keeps beside its tensors
        digest.update(f"{name} {value!r}".encode())
