"""Measure the features of domains: images are decoded in parallel, only totals are kept (method, section 1.1)."""

import io
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from s1.cpus import allowed_threads
from s1.domain_shift import DomainFeatures
from s1.errors import ImageProblemError
from s1.grey_statistics import GreyStatistics, measure_grey
from s1.image_files import Labels, Pixels, image_size, read_image, read_image_and_mask
from s1.image_pairs import ImagePair
from s1.image_profile import DomainProfile, ImageProfile, profile_image
from s1.problem_lists import raise_together
from s1.stain_histogram import BINS, STAINS, stain_histograms

THUMBNAILS = 6
THUMBNAIL_PX = 168
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class MeasureSettings:
    """How images are measured."""

    crop_common: bool = False
    """Crop all images and masks, from the top left, to the smallest height and the smallest width among them."""
    ignore_label: int | None = None
    """Pixels with this label are not counted."""
    known_labels: frozenset[int] | None = None
    """Labels that masks may contain (the ignore label included); None allows all."""
    workers: int = 4
    """Threads that decode and measure; 0 uses the calling thread."""
    device: Any = None
    """torch device for the grey values; None means NumPy."""
    with_pictures: bool = True
    """Whether to make thumbnails and stain histograms, which only the report uses."""


@dataclass(frozen=True)
class ImageFeatures:
    """Features of one image."""

    grey: GreyStatistics
    profile: ImageProfile
    label_counts: dict[int, int] | None
    stains: NDArray[np.int64] | None
    thumbnail: bytes | None
    """JPEG file."""


@dataclass
class DomainMeasurement:
    """Running totals over the images of a domain, and pictures of them for the report."""

    images: int = 0
    grey_histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    """Number of pixels of each grey value."""
    stain_histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros((len(STAINS), BINS), np.int64))
    thumbnails: list[bytes] = field(default_factory=list)
    profile: DomainProfile = field(default_factory=DomainProfile)
    label_counts: Counter[int] = field(default_factory=Counter)
    has_masks: bool = True
    _sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def add(self, image: ImageFeatures) -> None:
        """Add one image."""
        self.images += 1
        self._sums += (image.grey.mean, image.grey.std, image.grey.contrast)
        self.grey_histogram += image.grey.histogram
        self.profile.add(image.profile)
        self.stain_histogram += 0 if image.stains is None else image.stains
        self.thumbnails += [] if image.thumbnail is None else [image.thumbnail]
        self.has_masks &= image.label_counts is not None
        self.label_counts.update(image.label_counts or {})

    def features(self) -> DomainFeatures:
        """Return the means over the images, and the share of each class among all labelled pixels."""
        mean, std, contrast = (float(total) / self.images for total in self._sums)
        labelled = self.label_counts.total()
        shares = {label: count / labelled for label, count in sorted(self.label_counts.items())}
        return DomainFeatures(self.images, shares if self.has_masks else None, mean, std, contrast)


def measure_domains(
    pairs_by_domain: Mapping[str, Sequence[ImagePair]], settings: MeasureSettings
) -> dict[str, DomainMeasurement]:
    """Measure all images of all domains, with a progress bar.

    Raises ImageProblemError listing every file that cannot be used, or every domain without a labelled pixel.
    """
    crop = _common_size(pairs_by_domain, settings.workers) if settings.crop_common else None
    jobs = [
        (domain, pair, settings.with_pictures and index in spread(len(pairs)))
        for domain, pairs in pairs_by_domain.items()
        for index, pair in enumerate(pairs)
    ]
    measured = {domain: DomainMeasurement() for domain in pairs_by_domain}
    problems = []
    outcomes = in_parallel(lambda job: _try_measuring(job[1], settings, crop, job[2]), jobs, settings.workers)
    for (domain, _, _), outcome in progress(outcomes, len(jobs), "measuring images"):
        if isinstance(outcome, ImageFeatures):
            measured[domain].add(outcome)
        else:
            problems.append(outcome)
    raise_together(ImageProblemError, "these files cannot be used", problems)
    unlabelled = [d for d, m in measured.items() if m.has_masks and m.label_counts.total() == 0]
    problems = [f"domain {domain!r}: its masks contain only the ignore label" for domain in unlabelled]
    raise_together(ImageProblemError, "domains without labels", problems)
    return measured


def default_workers() -> int:
    """Return the number of allowed threads, at most 16: more would only fill memory with images."""
    return min(16, allowed_threads())


def progress(items: Iterable[Item], total: int, words: str) -> Iterable[Item]:
    """Return the items with a progress bar on stderr."""
    from tqdm import tqdm

    pause_s = 0.1 if sys.stderr.isatty() else 10.0  # between two states of the bar, which would fill a log file
    bar: Iterable[Item] = tqdm(items, total=total, desc=words, mininterval=pause_s)
    return bar


def in_parallel(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Result]]:
    """Yield (item, result) in order; at most two results per worker wait, so memory stays bounded."""
    if workers == 0:
        yield from ((item, function(item)) for item in items)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > 2 * workers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()


def _try_measuring(
    pair: ImagePair, settings: MeasureSettings, crop: tuple[int, int] | None, with_thumbnail: bool
) -> ImageFeatures | str:
    """Measure one image with its mask, or return why they cannot be used."""
    try:
        image, labels = _read_pair(pair)
        if crop is not None:
            image = image[: crop[0], : crop[1]]
            labels = None if labels is None else labels[: crop[0], : crop[1]]
        return ImageFeatures(
            measure_grey(image, settings.device),
            profile_image(image),
            None if labels is None else _count_labels(labels, pair, settings),
            stain_histograms(image) if settings.with_pictures else None,
            thumbnail(image) if with_thumbnail else None,
        )
    except ImageProblemError as error:
        return str(error)


def _read_pair(pair: ImagePair) -> tuple[Pixels, Labels | None]:
    if pair.mask is None:
        return read_image(pair.image), None
    return read_image_and_mask(pair.image, pair.mask)


def _count_labels(labels: Labels, pair: ImagePair, settings: MeasureSettings) -> dict[int, int]:
    if labels.dtype == np.uint8:
        counts = dict(enumerate(np.bincount(labels.ravel()).tolist()))
    else:
        values, numbers = np.unique(labels, return_counts=True)
        counts = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    found = {label: count for label, count in counts.items() if count}
    known = settings.known_labels or found.keys()
    unknown = sorted(found.keys() - known)
    if unknown:
        hint = ", did you mean 1?" if unknown == [255] and 1 in known else ""
        expected = ", ".join(map(str, sorted(known)))
        raise ImageProblemError(f"{pair.mask}: found label {unknown[0]}{hint} (dataset.json has {expected})")
    return {label: count for label, count in found.items() if label != settings.ignore_label}


def thumbnail(image: Pixels) -> bytes:
    """Return a small JPEG file of an image (H, W, 3) or (H, W)."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def spread(count: int) -> set[int]:
    """Return the indices of the images to show, evenly spread over `count`."""
    return set(np.linspace(0, count - 1, min(count, THUMBNAILS)).round().astype(int).tolist())


def _common_size(pairs_by_domain: Mapping[str, Sequence[ImagePair]], workers: int) -> tuple[int, int]:
    """Return the smallest height and the smallest width of all images, from their file headers."""
    images = [pair.image for pairs in pairs_by_domain.values() for pair in pairs]
    outcomes = [outcome for _, outcome in in_parallel(_try_sizing, images, workers)]
    raise_together(
        ImageProblemError, "these files cannot be used", [problem for problem in outcomes if isinstance(problem, str)]
    )
    heights, widths = zip(*(size for size in outcomes if isinstance(size, tuple)), strict=True)
    return min(heights), min(widths)


def _try_sizing(path: Any) -> tuple[int, int] | str:
    try:
        return image_size(path)
    except ImageProblemError as error:
        return str(error)
