"""Root of the error family: what a user can mend.

    DriftError                      one line says what was got, what was expected, where, what to do
    ├── DomainMapError              domains.json, groups.json, or what they are made from
    ├── ImageProblemError           an image or mask that cannot be used
    ├── SourceError                 a data set, folder or device that is not there or not as expected
    └── ...                         nnunetv2.errors continues the family

Stage 1 stands alone, so the root lives here and the package above builds on it.
"""


class DriftError(Exception):
    """A mistake in input, settings or surroundings; commands print it as one line and exit with 2."""


class DomainMapError(DriftError, ValueError):
    """A domain or group file is malformed, or does not match the cases."""


class ImageProblemError(DriftError, RuntimeError):
    """An image or mask is missing, unreadable, or of the wrong kind or shape."""


class SourceError(DriftError, ValueError):
    """A data set, a folder of images or a device is not there, or not as expected."""
