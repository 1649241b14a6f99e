"""Borders of tiles do not show, though a network sees zeros beyond them: labels there are as good as elsewhere.

The truth is the network on the whole image at once. A mean of tiles without weights, which does show them, tells that
the measure would see them.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics, Pixels
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.slides.slide_source import SlideSource
from tests.pathology.prediction.small_slides import make_predictor

NEAR_PX = 8
ROWS_AT_ONCE = 512
STATISTICS = ChannelStatistics((100.0,) * 3, (60.0,) * 3, (0.0,) * 3, (255.0,) * 3)
TIE = 0.02
"""By how much the largest logit of a constant image exceeds the next: less than what zeros beyond a border change."""


@dataclass(frozen=True)
class Seams:
    """A network that sees an eighth of a tile to each side, on an image of noise or one colour."""

    edge_px: int
    tile_px: int
    is_constant: bool

    @cached_property
    def pixels(self) -> Pixels:
        if self.is_constant:
            return np.full((self.edge_px, self.edge_px, 3), 128, np.uint8)
        random = np.random.default_rng(0)
        coarse = random.integers(0, 256, (self.edge_px // 32, self.edge_px // 32, 3), np.uint8)
        pixels = np.kron(coarse, np.ones((32, 32, 1), np.uint8))
        return np.asarray(pixels // 2 + random.integers(0, 128, pixels.shape, np.uint8))

    @cached_property
    def network(self) -> nn.Sequential:
        coarse = self.tile_px // 32
        network = nn.Sequential(
            nn.Conv2d(3, 6, 7, padding=3),
            nn.LeakyReLU(),
            nn.AvgPool2d(coarse),
            nn.Conv2d(6, 6, 7, padding=3),
            nn.LeakyReLU(),
            nn.Upsample(scale_factor=coarse, mode="bilinear"),
            nn.Conv2d(6, 3, 3, padding=1),
        ).requires_grad_(False)
        random = torch.Generator().manual_seed(0)
        for layer in network:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=1.5 * layer.weight[0].numel() ** -0.5, generator=random)
                nn.init.zeros_(layer.bias)
        middle = network(self.image[:, :, : 2 * self.tile_px, : 2 * self.tile_px])[0].mean((1, 2))
        network[-1].bias.copy_(torch.tensor([0.0, TIE, 0.0]) - middle)
        return network

    @cached_property
    def image(self) -> torch.Tensor:
        model = SlideModel(make_predictor(), "", "")
        return torch.from_numpy(model.normalisation.normalised(self.pixels, STATISTICS))[None]

    @property
    def halo_px(self) -> int:
        return self.tile_px // 4

    def true_labels(self) -> np.ndarray:
        """The labels of the network on the whole image."""
        labels = np.empty((self.edge_px, self.edge_px), np.uint8)
        for first in range(0, self.edge_px, ROWS_AT_ONCE):
            above = max(0, first - self.halo_px)
            logits = self.network(self.image[:, :, above : first + ROWS_AT_ONCE + self.halo_px])[0]
            labels[first : first + ROWS_AT_ONCE] = logits.argmax(0)[first - above :][:ROWS_AT_ONCE]
        return labels

    def prediction(self, file: Path, use_gaussian: bool) -> SlidePrediction:
        Image.fromarray(self.pixels).save(file, compress_level=1)
        predictor = make_predictor(self.tile_px)
        predictor.network, predictor.list_of_parameters = self.network, [self.network.state_dict()]
        predictor.use_gaussian = use_gaussian
        source = SlideSource(str(file), 0.5, slide_mpp=0.5)
        model = SlideModel(predictor, "padded", "0")
        return SlidePrediction(model, source, self.edge_px, self.edge_px, STATISTICS, None)

    def inside(self, image: np.ndarray) -> np.ndarray:
        """Leave out what lies so close to the border of the image that there it changes the truth."""
        return image[self.halo_px : -self.halo_px, self.halo_px : -self.halo_px]


def labels_of(prediction: SlidePrediction) -> np.ndarray:
    def bands() -> Iterator[np.ndarray]:
        layout = prediction.grid.layout
        with closing(prediction.predicted_bands(0, range(len(layout.bands)), lambda block: None)) as predicted:
            yield from (prediction.labels(band) for band in predicted)

    return np.concatenate(list(bands()))


def near_borders(prediction: SlidePrediction) -> np.ndarray:
    """Tell which pixels of the image are close to the border of a tile."""
    near = np.zeros(prediction.height, bool)
    for start in prediction.grid.rows:
        for border in (start, start + prediction.model.tile_size[0]):
            near[max(0, border - NEAR_PX) : border + NEAR_PX] = True
    return near[:, None] | near[None, :]


def shares_of_wrong_labels(seams: Seams, file: Path, use_gaussian: bool = True) -> tuple[float, float, float]:
    """Return the share near the borders of tiles and elsewhere, and the standard error of the difference."""
    prediction = seams.prediction(file, use_gaussian)
    wrong = seams.inside(labels_of(prediction) != seams.true_labels())
    near = seams.inside(near_borders(prediction))
    error = np.sqrt(wrong.mean() * (1 / near.sum() + 1 / (~near).sum()))
    return float(wrong[near].mean()), float(wrong[~near].mean()), float(error)


SMALL, LARGE = (512, 128), pytest.param((4096, 512), marks=pytest.mark.slow)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_labels_of_noise_are_as_good_at_borders_of_tiles_as_elsewhere(size: tuple[int, int], tmp_path: Path) -> None:
    near, elsewhere, error = shares_of_wrong_labels(Seams(*size, is_constant=False), tmp_path / "a.png")
    assert near <= elsewhere + 3 * error


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_an_image_of_one_colour_has_one_label_at_borders_of_tiles_too(size: tuple[int, int], tmp_path: Path) -> None:
    assert shares_of_wrong_labels(Seams(*size, is_constant=True), tmp_path / "a.png")[:2] == (0, 0)


@pytest.mark.parametrize("is_constant", [True, False])
def test_without_weights_borders_of_tiles_would_show(is_constant: bool, tmp_path: Path) -> None:
    near, elsewhere, error = shares_of_wrong_labels(Seams(*SMALL, is_constant), tmp_path / "a.png", use_gaussian=False)
    assert near > elsewhere + 10 * error
