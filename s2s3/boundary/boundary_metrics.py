"""How well the boundaries of two masks agree: boundary F1 and normalised surface Dice at a tolerance in pixels.

A boundary element is a pixel (voxel) of the mask with a face neighbour outside it; the frame of the picture is no
boundary, since the structure goes on beyond it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BoundaryAgreement:
    """Counts of boundary elements of a prediction and its reference; sums of counts pool several images."""

    predicted: int
    """Elements of the predicted boundary."""
    predicted_near: int
    """Those of them within the tolerance of the reference boundary."""
    reference: int
    reference_near: int

    @property
    def boundary_f1(self) -> float:
        """Harmonic mean of the near shares of both boundaries (Csurka et al., BMVC 2013).

        NaN if neither mask has a boundary, 0 if one of them has none.
        """
        if self.predicted + self.reference == 0:
            return math.nan
        if not self.predicted_near or not self.reference_near:
            return 0.0
        precision, recall = self.predicted_near / self.predicted, self.reference_near / self.reference
        return 2 * precision * recall / (precision + recall)

    @property
    def surface_dice(self) -> float:
        """Near elements of both boundaries over all of them (Nikolov et al., 2018); NaN if there are none."""
        elements = self.predicted + self.reference
        return (self.predicted_near + self.reference_near) / elements if elements else math.nan


def boundary_agreement(
    prediction: Mask, reference: Mask, tolerance_px: float, ignored: Mask | None = None
) -> BoundaryAgreement:
    """Compare two boolean masks of the same shape in any number of dimensions.

    Parameters:
        tolerance_px: Euclidean distance up to which an element is near the other boundary, in pixels.
        ignored: where nothing is judged; elements of either boundary in it or beside it are left out.
    """
    edges = [boundary_of(mask) for mask in (prediction, reference)]
    if ignored is not None:
        judged = ~ndimage.binary_dilation(ignored)
        edges = [edge & judged for edge in edges]
    predicted, expected = edges
    return BoundaryAgreement(
        predicted=int(np.count_nonzero(predicted)),
        predicted_near=_count_near(predicted, expected, tolerance_px),
        reference=int(np.count_nonzero(expected)),
        reference_near=_count_near(expected, predicted, tolerance_px),
    )


def boundary_of(mask: Mask) -> Mask:
    """Return the elements of a mask that have a face neighbour outside it."""
    inside: Mask = ndimage.binary_erosion(mask, border_value=1)
    return mask & ~inside


def _count_near(edge: Mask, other: Mask, tolerance_px: float) -> int:
    if not edge.any() or not other.any():
        return 0
    distance = ndimage.distance_transform_edt(~other)
    return int(np.count_nonzero(distance[edge] <= tolerance_px))
