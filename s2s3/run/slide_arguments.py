"""The command line of `drift slide`; imports no library, so that --help answers at once."""

import argparse

from nnunetv2.run.slide_prediction_arguments import add_compare, add_export, add_predict, add_reading
from nnunetv2.run.slide_tiling_arguments import add_tile


def slide_parser() -> argparse.ArgumentParser:
    """Return the parser of `drift slide`; its result names the sub-command in `what`."""
    parser = argparse.ArgumentParser(description="Work on whole slides.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    _add_info(commands.add_parser("info", help="show sizes, pixel size and scanner; find damaged parts"))
    add_tile(commands.add_parser("tile", help="cut annotated slides into a dataset for training"))
    add_predict(commands.add_parser("predict", help="predict slides: labels, objects for QuPath, overlay, numbers"))
    add_export(commands.add_parser("export", help="make other files of predicted slides, without predicting again"))
    add_compare(commands.add_parser("compare", help="show what the ways to normalise a slide change in its labels"))
    _add_report(commands.add_parser("report", help="write the page about predicted slides: pictures, areas, problems"))
    _add_status(commands.add_parser("status", help="show how far slides are, and who works on them"))
    return parser


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show how far the slides of an output folder are, on whatever computers they are predicted: state, attempts, "
        "who has them, how fast they end, and the time to go."
    )
    parser.add_argument("-o", required=True, metavar="FOLDER", help="output folder of drift slide predict")
    parser.add_argument("--json", action="store_true", help="print a list for programs instead of a table")
    parser.add_argument("--release", action="store_true", help="free slides whose process is gone")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write report.html into a folder of predicted slides: one file with a picture of each slide, its areas, and "
        "what is wrong with it, worst first. drift slide predict writes it too."
    )
    parser.add_argument("-o", required=True, metavar="FOLDER", help="output folder of drift slide predict")


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show what slides are: size, levels, pixel size, scanner, and what is wrong with them."
    parser.add_argument("slides", nargs="+", metavar="SLIDE", help="files, folders with slides, or a CSV of slides")
    parser.add_argument("--check", action="store_true", help="read every part of the finest level and list bad ones")
    parser.add_argument("--json", action="store_true", help="print a list for programs instead of text")
    add_reading(parser)
