"""Stain augmentation of normalised patches, equal to restaining the image before preprocessing."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import Tensor

from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.pathology.stain.optical_density import StainChange
from nnunetv2.pathology.stain.statistics import StainStatistics

OTHER_COLOURS = "other_colours"
"""In a sample: (3, n), values 0 to 255."""
_REMEMBERED = 256


class ChangesStain(BasicTransform):
    """Draws a change of the stain and applies it.

    A sample without `intensities` (data that nnU-Net preprocessed, or images that are not RGB) stays as it is.
    """

    def apply(self, data_dict: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Change the image, and its intensities for a further change; the padding around it remains 0."""
        change: StainChange | None = params["change"]
        if change is not None:
            padding = is_padding(data_dict)
            image = restained(data_dict["image"], data_dict["intensities"], change)
            data_dict["image"] = image.masked_fill_(padding, 0.0) if bool(padding.any()) else image
            data_dict["intensities"] = data_dict["intensities"].after(change)
        return data_dict


class StainJitter(ChangesStain):
    """Multiplies the amounts of haematoxylin, eosin and residual by random factors.

    Parameters:
        strength: factors are uniform in [1 - strength, 1 + strength].
        offset: optical densities uniform in [-offset, offset] are added to the amounts.
        probability: of changing a sample at all.
    """

    def __init__(self, strength: float = 0.2, offset: float = 0.02, probability: float = 0.8):
        super().__init__()
        self.strength = strength
        self.offset = offset
        self.probability = probability

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw a change from numpy's global stream, as all transforms of a training do."""
        if data_dict.get("intensities") is None or np.random.uniform() >= self.probability:
            return {"change": None}
        factors = np.random.uniform(1 - self.strength, 1 + self.strength, size=3)
        offsets = np.random.uniform(-self.offset, self.offset, size=3)
        return {"change": StainChange.of_stains(factors.tolist(), offsets.tolist())}


class StainStrength(ChangesStain):
    """Multiplies all optical densities by one random factor: the whole slide stained, cut or exposed more or less.

    Parameters:
        largest_factor: factors lie in [1 / largest_factor, largest_factor], uniform in their logarithm.
        probability: of changing a sample at all.
    """

    def __init__(self, largest_factor: float = 2.0, probability: float = 0.8):
        super().__init__()
        self.largest_factor = largest_factor
        self.probability = probability

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw the factor from numpy's global stream."""
        if data_dict.get("intensities") is None or np.random.uniform() >= self.probability:
            return {"change": None}
        factor = self.largest_factor ** np.random.uniform(-1, 1)
        return {"change": StainChange(factor * np.eye(3), np.zeros(3))}


class StainTransfer(ChangesStain):
    """Moves the optical densities of a case part of the way to the mean and covariance of another case.

    The other case is one of those that came before, so every worker of a training has its own collection; in a training
    with a seed the loader chooses it, and adds its colours to the sample. Where the entry of a case has no sample of
    its colours (fixed range), those of the patch count, without the padding around it.

    Parameters:
        probability: of changing a sample at all; the part of the way is then uniform in [0, 1].
    """

    def __init__(self, probability: float = 0.8):
        super().__init__()
        self.probability = probability
        self._seen: deque[StainStatistics] = deque(maxlen=_REMEMBERED)

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw the other case and the part of the way from numpy's global stream."""
        intensities: CaseIntensities | None = data_dict.get("intensities")
        if intensities is None:
            return {"change": None}
        known = intensities.sample
        if known is None:
            known = intensities.original(data_dict["image"][:, ~is_padding(data_dict)[0]])
        if not known.shape[1]:
            return {"change": None}
        own = StainStatistics.of_values(known)
        self._seen.append(own)
        if np.random.uniform() >= self.probability:
            return {"change": None}
        return {"change": own.change_towards(self._other(data_dict), float(np.random.uniform()))}

    def _other(self, sample: Mapping[str, Any]) -> StainStatistics:
        colours: Tensor | None = sample.get(OTHER_COLOURS)
        if colours is not None and colours.shape[1]:
            return StainStatistics.of_values(colours)
        return self._seen[int(np.random.randint(len(self._seen)))]


def is_padding(sample: Mapping[str, Any]) -> Tensor:
    """Return where a sample (1, *space) is padding of the loader: segmentation -1, and 0 in every channel.

    Black parts of an image have the segmentation -1, too, but with z-scores they are not 0.
    """
    outside: Tensor = sample["segmentation"][:1] == -1
    return outside & (sample["image"] == 0).all(dim=0, keepdim=True)


def restained(image: Tensor, intensities: CaseIntensities, change: StainChange) -> Tensor:
    """Return a normalised patch (3, *space) of a case whose image had been restained before preprocessing."""
    return intensities.restained(image.reshape(3, -1), change).reshape(image.shape)


def uses_intensities(transforms: Any) -> bool:
    """Tell whether a pipeline has a transform that needs `intensities`, which loaders then add to the sample."""
    return any(isinstance(part, ChangesStain) for part in _parts(transforms))


def takes_other_colours(transforms: Any) -> bool:
    """Tell whether a pipeline has a transform to which a loader may give OTHER_COLOURS."""
    return any(isinstance(part, StainTransfer) for part in _parts(transforms))


def _parts(transforms: Any) -> list[Any]:
    return getattr(transforms, "transforms", None) or [transforms]
