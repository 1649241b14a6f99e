"""The command `drift start`, which reads its arguments before anything imports numpy."""

import argparse

from nnunetv2.dataset_conversion.label_arguments import named_label, value_pair
from nnunetv2.foundation.command_line import command


@command
def start_entry() -> None:
    """Run `drift start`."""
    arguments = start_parser().parse_args()
    from nnunetv2.dataset_proposal.start import start_as_asked

    start_as_asked(arguments)


def start_parser() -> argparse.ArgumentParser:
    """Return the parser of drift start."""
    parser = argparse.ArgumentParser(
        description="Look at a folder of images and masks, propose a dataset (labels, domains, patients), show it as "
        "one page, and write it once you agree."
    )
    parser.add_argument("folder", help="folder with images and masks; names of folders or files tell which is which")
    parser.add_argument("-m", metavar="MASKS", help="folder of the masks, if names do not tell which files are masks")
    parser.add_argument("-d", type=int, metavar="ID", help="id of the new dataset (default: the lowest free one)")
    parser.add_argument("-n", metavar="NAME", help="name of the new dataset (default: that of the folder)")
    parser.add_argument(
        "--csv", metavar="TABLE", help="table with the columns case, domain and optionally group (patient or slide)"
    )
    parser.add_argument(
        "--labels", nargs="+", type=named_label, metavar="NAME=VALUE", help="for example background=0 tumor=1 stroma=2"
    )
    parser.add_argument(
        "--relabel", nargs="+", type=value_pair, default=[], metavar="FOUND=LABEL", help="for example 255=1"
    )
    parser.add_argument(
        "--no-discovery", action="store_true", help="do not propose domains by the looks of images where no name does"
    )
    parser.add_argument("--skip", action="store_true", help="leave out files and cases with problems")
    parser.add_argument("-o", metavar="PAGE", default="drift_start.html", help="page to write (default %(default)s)")
    parser.add_argument("--yes", action="store_true", help="write the dataset without asking")
    parser.add_argument("-np", type=int, default=2, help="processes; 0: in this process (default %(default)s)")
    return parser
