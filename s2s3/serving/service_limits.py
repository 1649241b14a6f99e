"""What a server accepts: how many requests, how large, how long."""

from dataclasses import dataclass, fields

from nnunetv2.errors import InvalidValueError


@dataclass(frozen=True)
class ServiceLimits:
    """Limits of a server. Raises InvalidValueError for one below 1."""

    requests: int = 8
    """Images that wait or are predicted at once; more are turned away."""
    image_bytes: int = 64 * 10**6
    image_pixels: int = 50 * 10**6
    upload_seconds: int = 60
    connection_seconds: int = 20
    """Longest time without a whole request, or in which a client takes nothing of an answer."""
    ending_seconds: int = 10
    """Time that a running prediction gets when the server ends, after answers had theirs."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise InvalidValueError(f"{field.name} is {value!r}, expected a whole number of 1 or more")
