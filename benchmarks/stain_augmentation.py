"""Measure how many RGB patches one core restains a second: ours, in optical density, beside scikit-image's HED way.

Ours is what a training does with a normalised patch: original values back, change of stain, new statistics from the
case's sample, normalisation. scikit-image's way is rgb2hed, scaling of the stains and hed2rgb of a patch of 8-bit
values, without any normalisation. Both on one thread; the change alone is also measured for batches, as a GPU would
take them.

    python benchmarks/stain_augmentation.py [--size 512] [--patches 20]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.color import hed2rgb, rgb2hed

from nnunetv2.pathology.stain.augmentation import restained
from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.pathology.stain.intensities_entry import FIXED, PROPERTY, Z_SCORES, intensities_entry
from nnunetv2.pathology.stain.optical_density import StainChange

FACTORS = (0.8, 1.2, 1.1)
TARGET = 400
"""Patches of 512 x 512 a core-second."""


def tissue(size: int) -> np.ndarray:
    """Return an image (3, 1, size, size) of 8-bit values as float32."""
    stream = np.random.default_rng(0)
    nuclei = stream.random((size, size)) < 0.3
    colour = np.where(nuclei, np.array([90, 60, 140])[:, None, None], np.array([215, 170, 205])[:, None, None])
    return np.clip(colour + stream.normal(0, 12, colour.shape), 0, 255).round()[:, None].astype(np.float32)


def with_skimage(image: np.ndarray) -> np.ndarray:
    """Return a uint8 image (x, y, 3) with the stains scaled."""
    return hed2rgb(rgb2hed(image) * FACTORS)


def patches_per_second(work: Callable[[], object], patches: int, per_call: int = 1) -> float:
    """Return the best rate of several rounds, in patches a second of CPU time."""
    work()
    best = 0.0
    for _ in range(patches):
        started = time.process_time()
        work()
        best = max(best, per_call / (time.process_time() - started))
    return best


def main() -> None:
    """Print the rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="side of a patch in pixels")
    parser.add_argument("--patches", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    image = tissue(arguments.size)
    change = StainChange.of_stains(FACTORS)
    eight_bit = np.ascontiguousarray(np.moveaxis(image[:, 0].astype(np.uint8), 0, -1))
    slow = patches_per_second(lambda: with_skimage(eight_bit), arguments.patches)
    print(f"{'scikit-image rgb2hed, hed2rgb':<40}{slow:8.1f} patches a core-second")
    for words, scheme in (("ours, z-scores", Z_SCORES), ("ours, fixed range", FIXED)):
        entry = intensities_entry(image, scheme)
        intensities = CaseIntensities.from_properties({PROPERTY: entry})
        assert intensities is not None
        offset, scale = (np.array(entry[name], np.float32)[:, None, None] for name in ("offset", "scale"))
        patch = torch.from_numpy((image[:, 0] - offset) / scale)
        rate = patches_per_second(lambda p=patch, i=intensities: restained(p, i, change), arguments.patches)
        print(f"{words:<40}{rate:8.1f} patches a core-second, {rate / slow:.1f} x scikit-image")
    batch = torch.from_numpy(image.reshape(1, 3, -1)).expand(4, -1, -1).contiguous()
    rate = patches_per_second(lambda: change.apply(batch), arguments.patches, per_call=4)
    print(f"{'the change alone, batches of 4':<40}{rate:8.1f} patches a core-second, {rate / slow:.1f} x scikit-image")
    print(f"target: {TARGET} patches of 512 x 512 a core-second")


if __name__ == "__main__":
    main()
