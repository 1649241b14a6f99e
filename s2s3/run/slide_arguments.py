"""The command line of `drift slide`; imports no library, so that --help answers at once."""

import argparse


def slide_parser() -> argparse.ArgumentParser:
    """Return the parser of `drift slide`; its result names the sub-command in `what`."""
    parser = argparse.ArgumentParser(description="Work on whole slides.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    _add_info(commands.add_parser("info", help="show sizes, pixel size and scanner; find damaged parts"))
    return parser


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show what slides are: size, levels, pixel size, scanner, and what is wrong with them."
    parser.add_argument("slides", nargs="+", metavar="SLIDE", help="files, folders with slides, or a CSV of slides")
    parser.add_argument("--check", action="store_true", help="read every part of the finest level and list bad ones")
    parser.add_argument("--json", action="store_true", help="print a list for programs instead of text")
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how slides are read, the same in all sub-commands."""
    parser.add_argument(
        "--reader",
        default="auto",
        choices=["auto", "openslide", "tifffile", "wsidicom", "pillow"],
        help="library that reads the slides (default: by their content)",
    )
    parser.add_argument(
        "--slide_mpp", type=float, metavar="UM", help="micrometres per pixel of the slides, instead of what they state"
    )
    parser.add_argument("--mpp_of", metavar="CSV", help="table with the columns slide,mpp")
    parser.add_argument(
        "-nr", type=int, metavar="READERS", help="processes that read (default: CPUs - 1, at most 4; 0: in this one)"
    )
    parser.add_argument(
        "--read_timeout", type=float, default=60.0, metavar="S", help="seconds one block may take (default: 60)"
    )
