"""The file endings of images, and of a dataset: dataset.json names one, for its images."""

JPEG_ENDINGS = (".jpg", ".jpeg")
TIFF_ENDINGS = (".tif", ".tiff")
PICTURE_ENDINGS = (".png", *TIFF_ENDINGS, ".bmp", *JPEG_ENDINGS)
"""Of files with an image of two dimensions."""


def label_ending(image_ending: str) -> str:
    """Return the ending of labels and predictions: that of the images, but `.png` for JPEG, which changes values."""
    return ".png" if image_ending.lower() in JPEG_ENDINGS else image_ending
