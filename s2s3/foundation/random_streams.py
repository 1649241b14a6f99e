"""Random numbers that follow a seed: every purpose has a stream of its own, found by its name and by numbers.

So what is drawn does not depend on which process draws it, nor on what was drawn before. Libraries draw from the global
generators of numpy, Python and torch; these hold a stream only within a `with` block, and are as before afterwards.
"""

import random
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2.errors import SettingsError
from s1.environment import text_variable

LARGEST_SEED = 2**32 - 1
_VARIABLE = "DRIFT_SEED"


class NoSeed:
    """Random numbers as they come: no stream changes anything."""

    seed: int | None = None

    def stream(self, purpose: str, *numbers: int, device: Any = None) -> AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return nullcontext()


@dataclass(frozen=True)
class RandomStreams:
    """All random numbers of a training.

    Parameters:
        seed: 0 to LARGEST_SEED.
    """

    seed: int

    def stream(self, purpose: str, *numbers: int, device: Any = None) -> AbstractContextManager[None]:
        """Return a context in which the global generators produce the stream of a purpose and its numbers.

        Parameters:
            numbers: 0 to 2**32 - 1, always equally many for a purpose, such as the epoch and the step.
            device: a torch.device; the generator of a CUDA device takes part.
        """
        return _generators_seeded([self.seed, zlib.crc32(purpose.encode()), *numbers], device)


def streams_of(seed: int | None) -> RandomStreams | NoSeed:
    """Return the streams of a seed; for None those that change nothing."""
    return NoSeed() if seed is None else RandomStreams(seed)


def requested_seed(setting: int | None) -> int | None:
    """Return the seed that DRIFT_SEED asks for or, if that is unset or empty, `setting`.

    Raises SettingsError for anything but a whole number from 0 to LARGEST_SEED.
    """
    text = text_variable(_VARIABLE, "")
    if text:
        return _checked(int(text) if text.isascii() and text.isdigit() else text, _VARIABLE)
    return None if setting is None else _checked(setting, "training_seed")


def is_seed(value: Any) -> bool:
    """Tell whether a value is a seed."""
    return type(value) is int and 0 <= value <= LARGEST_SEED


def _checked(value: Any, name: str) -> int:
    if not is_seed(value):
        raise SettingsError(f"{name} is {value!r:.60}, expected a whole number from 0 to {LARGEST_SEED}")
    return int(value)


@contextmanager
def _generators_seeded(words: list[int], device: Any) -> Iterator[None]:
    generators = _torch_generators(device)
    before = np.random.get_state(), random.getstate(), [generator.get_state() for generator in generators]
    state = np.random.SeedSequence(words).generate_state(8)
    np.random.seed(state[:4])
    random.seed(int(state[4]) << 32 | int(state[5]))
    for generator in generators:
        generator.manual_seed(int(state[6]) << 31 | int(state[7]) >> 1)  # below 2**63, as for any generator
    try:
        yield
    finally:
        np.random.set_state(before[0])
        random.setstate(before[1])
        for generator, generator_state in zip(generators, before[2], strict=True):
            generator.set_state(generator_state)


def _torch_generators(device: Any) -> list[Any]:
    """Return torch's generator, and that of a CUDA device."""
    import torch

    on_device = [torch.cuda.default_generators[device.index or 0]] if getattr(device, "type", "") == "cuda" else []
    return [torch.default_generator, *on_device]
