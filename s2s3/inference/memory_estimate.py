"""About how much memory the prediction of a case takes, and how many worker processes fit into a budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnunetv2.foundation.large_zeros import LARGEST_IN_MEMORY
from nnunetv2.imageio.image_header import ImageHeader
from nnunetv2.inference.label_conversion import VOXELS_PER_SLAB
from nnunetv2.inference.predict_stripes import BAND_HEIGHT_PX

_PROCESS, _WORKER = 450 * 2**20, 150 * 2**20
"""Of a process with torch, and of one without, before it has a case."""
_FLOAT, _HALF = 4, 2
_CHECK_BYTES = 10
"""Per pixel of a stripe: where tiles are, the total weight, and looking for overflow in one channel."""
_SLAB_BYTES = 10
"""Per voxel and class of a slab whose probabilities are computed: its logits, also as floats, and the result."""


@dataclass(frozen=True)
class ModelSize:
    """What the memory depends on, besides the image."""

    channels: int
    heads: int
    folds: int
    tile_size: Sequence[int]
    spacing: Sequence[float]
    """Of the configuration, as many axes as the tile has."""
    in_stripes: bool
    """Whether pictures are predicted in stripes."""
    with_probabilities: bool
    reads_rows: bool = False
    """Whether images that can be read by rows are."""
    resamples_partwise: bool = True
    """Whether logits need not be resampled all at once."""
    network: int = 0
    """Bytes of the weights of all folds, and of what the network makes of tiles, for all calls side by side."""


@dataclass(frozen=True)
class CaseMemory:
    """Bytes that the steps of a case take."""

    preparing: int
    predicting: int
    exporting: int
    network: int

    @classmethod
    def of(cls, header: ImageHeader, model: ModelSize) -> "CaseMemory":
        """Estimate the memory of a case."""
        planar = len(model.tile_size) == 2 and header.shape[0] == 1
        resampled = _after_resampling(header, model.spacing)
        if model.in_stripes and planar and resampled == header.voxels:
            return cls._in_stripes(header, model)
        return cls._as_a_whole(header.voxels, resampled, model)

    @classmethod
    def _in_stripes(cls, header: ImageHeader, model: ModelSize) -> "CaseMemory":
        rows = (header.rows_in_memory if model.reads_rows else None) or header.shape[1]
        pixels = rows * header.shape[2] * model.channels * header.bytes_per_value
        labels, width = header.voxels, header.shape[2]
        sums = model.folds * (model.heads + 1) * (model.tile_size[0] + BAND_HEIGHT_PX)
        bands = (model.folds + 1) * model.heads * BAND_HEIGHT_PX
        stripes = (_HALF * (sums + bands) + _CHECK_BYTES * BAND_HEIGHT_PX) * width
        return cls(pixels, pixels + labels + stripes, labels, model.network)

    @classmethod
    def _as_a_whole(cls, voxels: int, resampled: int, model: ModelSize) -> "CaseMemory":
        image = _FLOAT * model.channels
        logits = _HALF * (model.heads + 1) + (_HALF * model.heads if model.folds > 1 else 0)
        scores = _FLOAT * model.heads * voxels
        slab = _SLAB_BYTES * model.heads * min(voxels, VOXELS_PER_SLAB)
        probabilities = min(scores, LARGEST_IN_MEMORY) + slab if model.with_probabilities else 0
        at_once = resampled != voxels and not model.resamples_partwise
        return cls(
            image * (voxels + resampled),
            (image + logits) * resampled,
            _HALF * model.heads * resampled + voxels + probabilities + (scores if at_once else 0),
            model.network,
        )

    def total(self, preprocessing: int, export: int) -> int:
        """Return the bytes of all processes with these numbers of workers; without any, a step is done in this one."""
        own = max(self.predicting, 0 if preprocessing else self.preparing, 0 if export else self.exporting)
        workers = preprocessing * (_WORKER + self.preparing) + export * (_WORKER + self.exporting)
        return _PROCESS + self.network + own + workers

    def fitting_workers(self, preprocessing: int, export: int, budget: int) -> tuple[int, int]:
        """Return as many workers, at most the given numbers, as fit into the budget; none if nothing does."""
        while self.total(preprocessing, export) > budget and preprocessing + export > 0:
            if preprocessing >= export:
                preprocessing -= 1
            else:
                export -= 1
        return preprocessing, export


def _after_resampling(header: ImageHeader, spacing: Sequence[float]) -> int:
    """Return the voxels of a channel at the spacing of the model, in whatever order its axes are."""
    if header.spacing is None or len(spacing) != len(header.spacing):
        return header.voxels
    factor = 1.0
    for own, target in zip(sorted(header.spacing), sorted(spacing), strict=True):
        factor *= own / target
    return max(1, round(header.voxels * factor))
