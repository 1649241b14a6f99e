"""The console script `nnUNetv2_ensemble`, which reads its arguments before anything imports numpy."""

import argparse

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command


@command
def entry_point_ensemble_folders() -> None:
    """Run `nnUNetv2_ensemble`."""
    arguments = ensemble_parser().parse_args()
    from nnunetv2.ensembling.ensemble import ensemble_as_asked

    ensemble_as_asked(arguments)


def ensemble_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_ensemble."""
    parser = argparse.ArgumentParser(description="Average the predictions of several models.")
    parser.add_argument("-i", nargs="+", required=True, metavar="FOLDER", help="folders with npz and pkl files")
    parser.add_argument("-o", required=True, metavar="OUTPUT", help="folder for the segmentations")
    parser.add_argument("-np", type=int, default=default_num_processes, help="processes (default %(default)s)")
    parser.add_argument("--save_npz", action="store_true", help="also write the averaged probabilities")
    return parser
