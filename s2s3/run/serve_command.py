"""The command `drift serve`: a model folder behind HTTP, on this computer unless told otherwise."""

import argparse
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.command_line import command
from nnunetv2.foundation.stop_signals import Stopped
from nnunetv2.run.model_arguments import add_model_arguments
from nnunetv2.serving.service_limits import ServiceLimits

if TYPE_CHECKING:
    from nnunetv2.serving.image_model import ImageModel
    from nnunetv2.serving.prediction_queue import PredictionQueue

_log = logging.getLogger(__name__)
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LAST_PORT = 65535
_MB = 10**6


@command
def serve_entry() -> None:
    """Run `drift serve`."""
    arguments = _parser().parse_args()
    limits = ServiceLimits(
        arguments.queue, arguments.max_mb * _MB, arguments.max_megapixels * 10**6, arguments.upload_seconds
    )
    from nnunetv2.serving.application import make_application, require_packages
    from nnunetv2.serving.prediction_queue import PredictionQueue

    require_packages()
    queue = PredictionQueue(limits.requests)
    with listening(arguments.host, arguments.port) as place, waiting_for_nothing_in(queue):
        model = _load(arguments)
        application = make_application(model, limits, allowed_hosts(arguments.host, arguments.allowed_host), queue)
        host, port = place.getsockname()[:2]
        _log.info(
            "serving %s at http://%s:%d/ (Ctrl-C ends it)", model.name, f"[{host}]" if ":" in host else host, port
        )
        run_server(application, place, limits)


def _load(arguments: argparse.Namespace) -> "ImageModel":
    from nnunetv2.inference.predict_folder import choose_device
    from nnunetv2.serving.image_model import load_image_model

    settings = {
        "device": choose_device(arguments.device),
        "use_mirroring": not arguments.disable_tta,
        "tile_step_size": arguments.step_size,
        "allow_tqdm": False,
    }
    return load_image_model(Path(arguments.model), arguments.f, arguments.chk, settings)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; SettingsError if the address is not of this computer, or the port is in use."""
    if not 0 <= port <= _LAST_PORT:
        raise SettingsError(f"--port is {port}, expected a number from 0 (any that is free) to {_LAST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise SettingsError(f"cannot listen at {host}, port {port}: {reason}; choose --host and --port") from None


def run_server(application: Any, place: socket.socket, limits: ServiceLimits) -> None:
    """Answer requests until a signal asks for an end."""
    import uvicorn

    from nnunetv2.serving.connection_deadlines import server_settings

    config = uvicorn.Config(application, log_level="warning", server_header=False, **server_settings(limits))
    uvicorn.Server(config).run(sockets=[place])


@contextmanager
def waiting_for_nothing_in(queue: "PredictionQueue") -> Iterator[None]:
    """End the process at once when a signal ends this context while a prediction runs, for which Python would wait."""
    try:
        yield
    except (Stopped, KeyboardInterrupt) as ending:
        if not queue.is_working:
            raise
        _log.warning("the server ends; a prediction that still runs is given up")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ending.code or 0) if isinstance(ending, Stopped) else 130)


def allowed_hosts(host: str, more: list[str]) -> list[str]:
    """Return the names by which the server may be called, so that no foreign page can reach it under its own name.

    A server on an address that others reach may be called by any name, unless names are given. Raises SettingsError.
    """
    wrong = [name for name in more if "*" in name.removeprefix("*.") and name != "*"]
    if wrong:
        raise SettingsError(f"--allowed_host {wrong[0]}: expected a name, *.example.com for those below it, or * alone")
    if more:
        return [*more, *_OWN_NAMES]
    return list(_OWN_NAMES) if _is_own(host) else ["*"]


def _is_own(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Answer requests for the segmentation of 2D images with a trained model: POST a PNG, TIFF or JPEG "
        "file to /predict?output=png, tiff or geojson. The page at / shows an image with its labels. There is no "
        "password and no encryption: put a server that has both in front of it before others reach it."
    )
    add_model_arguments(parser, "those that are there")
    add = parser.add_argument
    add("-device", choices=("cpu", "cuda", "mps"), help="device (default: cuda if available, otherwise cpu)")
    add("-step_size", type=float, default=0.5, help="tile distance as a fraction of the tile size (default 0.5)")
    add("--disable_tta", action="store_true", help="do not average over mirrored images: faster, less accurate")
    add("--host", default="127.0.0.1", help="address to listen at (default %(default)s: this computer only)")
    add("--port", type=int, default=8421, help="port to listen at (default %(default)s)")
    add("--allowed_host", nargs="+", default=[], metavar="NAME", help="names by which others call the server")
    _add_limits(parser)
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    usual = ServiceLimits()
    add = parser.add_argument
    add(
        "--queue",
        type=int,
        default=usual.requests,
        metavar="N",
        help="images that wait or are predicted at once; others are answered 503 (default %(default)s)",
    )
    text = "largest image in %s; larger ones are answered 413 (default %%(default)s)"
    add("--max_mb", type=int, default=usual.image_bytes // _MB, metavar="N", help=text % "millions of bytes")
    add(
        "--max_megapixels",
        type=int,
        default=usual.image_pixels // 10**6,
        metavar="N",
        help=text % "millions of pixels",
    )
    add(
        "--upload_seconds",
        type=int,
        default=usual.upload_seconds,
        metavar="N",
        help="longest time that an image may take to arrive (default %(default)s)",
    )
