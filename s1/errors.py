"""Errors that a user can fix.

    DriftError                      the message says what was got, what was expected, where, and what to do
    ├── DomainMapError              domains.json, groups.json, or the input they are made from
    ├── ImageProblemError           an image or mask that cannot be used
    │   └── UnfitImageError         AssertionError: it can be read, but its meaning or shape is unsuitable
    ├── SourceError                 a dataset, folder or device that is missing or not as expected
    └── ...                         the classes of nnunetv2.errors

The base class is defined here because stage 1 does not depend on nnunetv2.
"""


class DriftError(Exception):
    """An error in the input, the settings or the environment; commands print its message and exit with code 2."""


class DomainMapError(DriftError, ValueError):
    """A domain or group file is malformed, or does not match the cases."""


class ImageProblemError(DriftError, RuntimeError):
    """An image or mask is missing, unreadable, or of the wrong kind or shape."""


class UnfitImageError(ImageProblemError, AssertionError):
    """An image or mask can be read, but its dimensions, channels or values are unsuitable."""


class SourceError(DriftError, ValueError):
    """A dataset, a folder of images or a device is missing or not as expected."""
