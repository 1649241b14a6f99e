"""Folds of a cross-validation."""

from collections.abc import Iterable

import numpy as np

from nnunetv2.errors import InvalidValueError


def generate_crossval_split(
    train_identifiers: Iterable[str], seed: int = 12345, n_splits: int = 5
) -> list[dict[str, list[str]]]:
    """Return the folds of a shuffled k-fold split, the same ones scikit-learn's KFold makes from this seed.

    Each case is validated in exactly one fold; within a list cases keep the order of `train_identifiers`.
    """
    cases = list(train_identifiers)
    if not 2 <= n_splits <= len(cases):
        raise InvalidValueError(f"{n_splits} folds of {len(cases)} cases: expected from 2 to one per case")
    shuffled = np.arange(len(cases))
    np.random.RandomState(seed).shuffle(shuffled)
    folds = []
    for piece in np.array_split(shuffled, n_splits):
        held_out = set(piece.tolist())
        folds.append(
            {
                "train": [case for position, case in enumerate(cases) if position not in held_out],
                "val": [case for position, case in enumerate(cases) if position in held_out],
            }
        )
    return folds
