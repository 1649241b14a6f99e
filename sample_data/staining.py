"""From bound stain to an 8-bit image: Beer-Lambert absorption, then the scanner's optics, sensor and JPEG coder."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from sample_data.domains import StainDomain
from sample_data.randomness import Field, smooth_noise
from sample_data.tissue import Tissue

RGBImage = NDArray[np.uint8]


def stain(tissue: Tissue, domain: StainDomain, rng: np.random.Generator) -> RGBImage:
    """Return the image (H, W, 3) of a tile as the laboratory and scanner of `domain` would produce it."""
    light = transmitted_light(tissue.haematoxylin, tissue.eosin, domain)
    light *= 1 + 0.012 * smooth_noise(rng, tissue.labels.shape, 40)[..., None]
    light = ndimage.gaussian_filter(light, (domain.blur_px, domain.blur_px, 0))
    image = 255 * np.clip(light, 0, 1) ** domain.gamma
    image += domain.noise_std * smooth_noise(rng, tissue.labels.shape, 0.6)[..., None]
    image += 0.5 * domain.noise_std * rng.standard_normal(image.shape, dtype=np.float32)
    return _through_jpeg(np.clip(np.rint(image), 0, 255).astype(np.uint8), domain.jpeg_quality)


def transmitted_light(haematoxylin: Field, eosin: Field, domain: StainDomain) -> NDArray[np.float32]:
    """Apply Beer-Lambert: light (H, W, 3) in 0..1 = glass colour * exp(-(amount of stain) * (stain vector))."""
    vectors = np.array([domain.haematoxylin_vector, domain.eosin_vector], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    amounts = np.stack([haematoxylin * domain.haematoxylin_strength, eosin * domain.eosin_strength], axis=-1)
    return (np.array(domain.glass_colour, np.float32) * np.exp(-amounts @ vectors)).astype(np.float32)


def _through_jpeg(image: RGBImage, quality: int) -> RGBImage:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as decoded:
        return np.array(decoded)
