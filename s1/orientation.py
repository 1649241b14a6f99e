"""The orientation tag of EXIF and TIFF: how stored pixels are turned or mirrored before they are shown."""

from typing import Any

from numpy.typing import NDArray

ORIENTATION_TAG = 274
UPRIGHT = 1
_QUARTER_TURNS = (5, 6, 7, 8)
_SHOWN = {
    1: "as stored",
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "upside down",
    5: "transposed",
    6: "turned right",
    7: "transposed and turned by 180 degrees",
    8: "turned left",
}


def known_orientation(value: object) -> int:
    """Return the value of the tag; viewers ignore others than 1 to 8."""
    return value if isinstance(value, int) and value in _SHOWN else UPRIGHT


def as_shown(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn stored pixels (H, W) or (H, W, C) as a viewer does; a view."""
    if orientation in _QUARTER_TURNS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def shown_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Return height and width as shown."""
    return (width, height) if orientation in _QUARTER_TURNS else (height, width)


def orientation_problems(
    image: int, mask: int, image_file: object, mask_file: object, size: tuple[int, int]
) -> list[str]:
    """Compare the tags of an image and its mask: one of them alone says nothing about where the mask was drawn.

    A quarter turn is accepted if the mask has the size that the image is shown in, as that is not the stored one.

    Parameters:
        size: height and width of both as shown.
    """
    told_apart = size[0] != size[1] and (image in _QUARTER_TURNS) != (mask in _QUARTER_TURNS)
    only_turned = UPRIGHT in (image, mask)
    if image == mask or (told_apart and only_turned):
        return []
    return [
        f"{image_file}: its orientation tag says {_SHOWN[image]}, that of {mask_file} says {_SHOWN[mask]}, so it is not"
        " clear on which pixels the mask was drawn; save both without this tag"
    ]
