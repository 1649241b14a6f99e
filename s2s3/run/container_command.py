"""The command `drift container`: the files of a container that predicts with a model."""

import argparse
import sys
from pathlib import Path

from nnunetv2.foundation.command_line import command
from nnunetv2.run.model_arguments import add_model_arguments


@command
def container_entry() -> None:
    """Run `drift container`."""
    arguments = container_parser().parse_args()
    from nnunetv2.model_container.container_files import ContainerSettings, write_container

    target = Path(arguments.o)
    settings = ContainerSettings(
        arguments.output_name, arguments.slides, arguments.mpp, arguments.f, arguments.chk, arguments.cpu
    )
    write_container(Path(arguments.model).absolute(), target, settings)
    sys.stdout.write(f"written: {target}; build it with {target}/build.sh (README.md there says more)\n")


def container_parser() -> argparse.ArgumentParser:
    """Return the parser of drift container."""
    parser = argparse.ArgumentParser(
        description="Write a folder with everything for a container that predicts with a model, as grand-challenge.org "
        "runs it: Dockerfile, code, model, exact versions, scripts to build and test. Nothing is built."
    )
    add_model_arguments(parser, "the numbered ones that are there")
    add = parser.add_argument
    add("-o", default="container", metavar="FOLDER", help="new folder to write (default %(default)s)")
    add("--output_name", default="segmentation", metavar="NAME", help="folder of the results (default %(default)s)")
    add("--slides", action="store_true", help="inputs are whole slides; results are TIFF pyramids")
    add("--mpp", type=float, metavar="UM", help="micrometres per pixel of the model, if its dataset.json has none")
    add("--cpu", action="store_true", help="install torch without CUDA: a smaller image")
    return parser
