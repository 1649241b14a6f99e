"""Requests that are refused, with their HTTP status."""

from nnunetv2.errors import DriftError


class RequestRefused(DriftError):
    """A request is refused; the message, one line, is for whoever sent it."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
