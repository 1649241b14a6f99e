"""The command `drift`: one word for what this package adds to nnU-Net."""

import sys
from collections.abc import Callable
from importlib import import_module

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.command_line import command

SUB_COMMANDS: dict[str, tuple[str, str, str]] = {
    "start": (
        "nnunetv2.dataset_proposal.command_line",
        "start_entry",
        "propose a dataset from a folder of images and masks",
    ),
    "prism": ("s1.PRISMDD", "main", "measure how domains differ and derive the mixing ratios"),
    "domains": ("nnunetv2.domains.command_line", "domains_entry", "make domains.json from a CSV, a pattern or ranges"),
    "splits": ("nnunetv2.domains.command_line", "splits_entry", "write folds stratified by domain, or one domain out"),
    "convert": (
        "nnunetv2.dataset_conversion.convert_image_folder_command",
        "convert_entry",
        "images + masks + CSV to nnU-Net",
    ),
    "ablate": ("nnunetv2.ablation.command_line", "ablate_entry", "measure which parts of the method help on your data"),
    "slide": ("nnunetv2.run.slide_command", "slide_entry", "whole slides: inspect, tile, predict, export, report"),
    "report": (
        "nnunetv2.reporting.command_line",
        "report_entry",
        "write the HTML report of a model or of predictions",
    ),
    "serve": ("nnunetv2.run.serve_command", "serve_entry", "answer requests for segmentations over HTTP"),
    "export-onnx": ("nnunetv2.run.export_onnx_command", "export_onnx_entry", "write the networks of a model as ONNX"),
    "container": ("nnunetv2.run.container_command", "container_entry", "write the files of a model's container"),
    "doctor": ("nnunetv2.run.doctor", "doctor_entry", "check folders, versions and devices"),
}


def usage() -> str:
    """Return the overview of all sub-commands."""
    lines = [f"  {name:<13}{what}" for name, (_, _, what) in SUB_COMMANDS.items()]
    return "\n".join(
        ["usage: drift COMMAND [options]", "", *lines, "", "drift COMMAND --help tells a command's options."]
    )


@command
def main() -> None:
    """Run the sub-command named by the first argument; unknown or none: usage and exit code 2."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-h", "--help"):
        print(usage())
        return
    if not arguments or arguments[0] not in SUB_COMMANDS:
        got = f"unknown command {arguments[0]!r}" if arguments else "a command is missing"
        raise SettingsError(f"{got}; expected one of {', '.join(SUB_COMMANDS)} (drift --help)")
    _entry(arguments[0])()


def _entry(name: str) -> Callable[[], None]:
    module, function, _ = SUB_COMMANDS[name]
    sys.argv = [f"drift {name}", *sys.argv[2:]]
    return getattr(import_module(module), function)
