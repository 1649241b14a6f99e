"""Labels drawn over one plane of an image: on grey values as in nnU-Net, on colours with visible tissue."""

from collections.abc import Mapping, Sequence

import numpy as np

from nnunetv2.errors import ArgumentError, WrongShapeError
from nnunetv2.overlays.value_ranges import Stretch, as_8_bit_colours, strips

color_cycle = (
    "000000",
    "4363d8",
    "f58231",
    "3cb44b",
    "e6194B",
    "911eb4",
    "ffe119",
    "bfef45",
    "42d4f4",
    "f032e6",
    "000075",
    "9A6324",
    "808000",
    "800000",
    "469990",
)
"""Colours by rank of a label; the first, black, leaves the image as it is."""

Rgb = tuple[int, int, int]
_BLACK = (0, 0, 0)
_SIDE_OF_ONE_LINE = 256
"""Length of the longer side, in pixels, per pixel of an outline's width."""


def hex_to_rgb(hex: str) -> Rgb:
    """Return (red, green, blue), each 0..255, of six hexadecimal digits, for example "4363d8"."""
    try:
        values = bytes.fromhex(hex)
    except ValueError:
        values = b""
    if len(values) != 3 or len(hex) != 6:
        raise ArgumentError(f"colour {hex!r}: expected six hexadecimal digits, for example 4363d8")
    return values[0], values[1], values[2]


def rgb_to_hex(colour: Rgb) -> str:
    """Return a colour as on web pages: #ff0000."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def colour_of(index: int, cycle: Sequence[str] = color_cycle) -> Rgb:
    """Return the colour of an index; beyond the end, the colours after the first are repeated."""
    if index >= len(cycle) > 1:
        index = 1 + (index - 1) % (len(cycle) - 1)
    return hex_to_rgb(cycle[index % len(cycle)])


def generate_overlay(
    input_image: np.ndarray,
    segmentation: np.ndarray,
    mapping: Mapping[int, int] | None = None,
    color_cycle: Sequence[str] = color_cycle,
    overlay_intensity: float = 0.6,
) -> np.ndarray:
    """Return the image with its labels in colour, (H, W, 3), 8 bit.

    Grey values are stretched to 0..255, colours are added and the sum is scaled to 255. A colour image keeps its
    colours: labels are tinted with half the intensity and outlined. A constant image counts as black.

    Parameters:
        input_image: (H, W) or (H, W, 1), grey; (H, W, 3) or (3, H, W), colours, with a fourth channel ignored.
        segmentation: labels (H, W).
        mapping: label -> index in the colour cycle, labels that are not in it stay uncoloured. Default: on grey
            images the rank of the label among those present; on colour images the label itself, so that a label has
            one colour in all images.
        overlay_intensity: 0 shows the image alone.
    """
    labels = np.asarray(segmentation)
    image = _channels_last(np.asarray(input_image), labels.shape)
    is_colour = image.shape == (*labels.shape, 3)
    if not is_colour and image.shape != labels.shape:
        raise WrongShapeError(
            f"image {np.shape(input_image)} and labels {labels.shape}: expected (H, W) or (H, W, 3) and (H, W)"
        )
    present = _values_of(labels)
    if mapping is None:
        mapping = {int(v): int(v) for v in present if v > 0} if is_colour else {v: i for i, v in enumerate(present)}
    colours = {label: colour_of(index, color_cycle) for label, index in mapping.items() if label in present}
    draw = _tint if is_colour else _add
    return draw(image, labels, {k: v for k, v in colours.items() if v != _BLACK}, overlay_intensity)


def _values_of(labels: np.ndarray) -> np.ndarray:
    """Return each value once, ascending."""
    return np.unique(np.concatenate([labels[:0].ravel(), *(np.unique(labels[rows]) for rows in strips(labels))]))


def _channels_last(image: np.ndarray, plane: tuple[int, ...]) -> np.ndarray:
    """Return (H, W), or (H, W, C) without a fourth channel; arrays of other shapes are returned unchanged."""
    if image.ndim == 3 and image.shape[:2] != plane and image.shape[1:] == plane:
        image = np.moveaxis(image, 0, -1)
    if image.ndim == 3 and image.shape[-1] == 1:
        return image[..., 0]
    return image[..., :3] if image.ndim == 3 and image.shape[-1] == 4 else image


def _add(image: np.ndarray, labels: np.ndarray, colours: Mapping[int, Rgb], intensity: float) -> np.ndarray:
    """Add colours to grey values (H, W)."""
    stretch = Stretch.of(image)

    def sum_of_both(rows: slice) -> np.ndarray:
        values = np.repeat(stretch(image[rows])[..., None], 3, axis=-1)
        for label, colour in colours.items():
            values[labels[rows] == label] += intensity * np.array(colour)
        return values

    largest = max((sum_of_both(rows).max(initial=0) for rows in strips(labels)), default=0)
    picture = np.empty((*labels.shape, 3), np.uint8)
    for rows in strips(labels):
        values = sum_of_both(rows)
        picture[rows] = (values / largest * 255 if largest > 0 else values).astype(np.uint8)
    return picture


def _tint(image: np.ndarray, labels: np.ndarray, colours: Mapping[int, Rgb], intensity: float) -> np.ndarray:
    """Blend colours into an image (H, W, 3), and draw the outline of each label at full strength."""
    picture = as_8_bit_colours(image)
    if intensity <= 0:
        return picture
    outlines, fill = _outlines(labels), min(1.0, intensity / 2)
    for rows in strips(labels):
        values = picture[rows].astype(np.float32)
        for label, colour in colours.items():
            inside = labels[rows] == label
            values[inside] = (1 - fill) * values[inside] + fill * np.array(colour, np.float32)
            values[inside & outlines[rows]] = colour
        picture[rows] = np.rint(values).astype(np.uint8)
    return picture


def _outlines(labels: np.ndarray) -> np.ndarray:
    """Return the pixels near another label; the width of the lines grows with the image."""
    near = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        first, second = _neighbours(labels, axis)
        for side in _neighbours(near, axis):
            side |= first != second
    for _ in range(round(max(labels.shape) / _SIDE_OF_ONE_LINE) - 1):
        near = _grown(near)
    return near


def _neighbours(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two views whose elements at the same place are neighbours along an axis."""
    array = np.moveaxis(array, axis, 0)
    return array[:-1], array[1:]


def _grown(mask: np.ndarray) -> np.ndarray:
    """Return a mask with one pixel more on each of the four sides."""
    grown = mask.copy()
    for axis in (0, 1):
        source, target = _neighbours(mask, axis), _neighbours(grown, axis)
        target[0][source[1]] = True
        target[1][source[0]] = True
    return grown


def select_slice_to_plot(image: np.ndarray, segmentation: np.ndarray) -> int:
    """Return the plane along axis 0 of the labels (S, H, W) with most voxels that are not 0; the first of several."""
    return int(np.argmax((np.asarray(segmentation) != 0).sum((1, 2))))


def select_slice_to_plot2(image: np.ndarray, segmentation: np.ndarray) -> int:
    """Return the plane along axis 0 of the labels (S, H, W) with the largest share of all classes.

    That is the mean, over classes, of voxels in the plane divided by voxels in the volume. As in nnU-Net each class
    after the first counts a little less: the shares of those before it are added to its divisor. Without foreground: 0.
    """
    labels = np.asarray(segmentation)
    if len(labels) == 1:
        return 0
    classes = [label for label in np.unique(labels) if label > 0]
    shares = np.zeros((len(labels), len(classes)))
    for column, label in enumerate(classes):
        shares[:, column] = (labels == label).sum((1, 2))
        shares[:, column] /= shares.sum()
    return int(np.argmax(shares.mean(1))) if classes else 0
