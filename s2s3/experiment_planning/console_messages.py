"""Shows what the package logs on the terminal while a command runs."""

import logging
import sys
import warnings


class _Terminal(logging.Handler):
    """Information goes to stdout, warnings to stderr, whatever these are at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            sys.stdout.write(f"{record.getMessage()}\n")
        else:
            sys.stderr.write(f"warning: {record.getMessage()}\n")


def show_messages() -> None:
    """Let a command print log records of the package, and Python warnings, as plain lines."""
    logger = logging.getLogger("nnunetv2")
    logger.setLevel(logging.INFO)
    logger.handlers = [_Terminal()]
    warnings.showwarning = lambda message, *_, **__: logger.warning("%s", message)
