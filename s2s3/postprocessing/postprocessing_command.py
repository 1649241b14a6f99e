"""The console scripts `nnUNetv2_determine_postprocessing` and `nnUNetv2_apply_postprocessing`.

They read their arguments before anything imports numpy.
"""

import argparse

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command


@command
def entry_point_determine_postprocessing_folder() -> None:
    """Run `nnUNetv2_determine_postprocessing`."""
    arguments = determine_parser().parse_args()
    from nnunetv2.postprocessing.remove_connected_components import determine_as_asked

    determine_as_asked(arguments)


@command
def entry_point_apply_postprocessing() -> None:
    """Run `nnUNetv2_apply_postprocessing`."""
    arguments = apply_parser().parse_args()
    from nnunetv2.postprocessing.remove_connected_components import apply_as_asked

    apply_as_asked(arguments)


def determine_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_determine_postprocessing."""
    parser = argparse.ArgumentParser(
        description="Find out whether keeping only the largest component helps; writes postprocessing.pkl and .json."
    )
    parser.add_argument("-i", required=True, metavar="FOLDER", help="folder of predictions")
    parser.add_argument("-ref", required=True, metavar="FOLDER", help="folder of reference segmentations")
    _add_shared(parser)
    parser.add_argument(
        "--remove_postprocessed", action="store_true", help="do not keep the postprocessed segmentations"
    )
    return parser


def apply_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_apply_postprocessing."""
    parser = argparse.ArgumentParser(description="Apply a postprocessing.pkl to all segmentations of a folder.")
    parser.add_argument("-i", required=True, metavar="FOLDER", help="folder of predictions")
    parser.add_argument("-o", required=True, metavar="OUTPUT", help="folder for the postprocessed segmentations")
    parser.add_argument("-pp_pkl_file", required=True, metavar="FILE", help="postprocessing.pkl")
    _add_shared(parser)
    return parser


def _add_shared(parser: argparse.ArgumentParser) -> None:
    default = "default: the one in the folder of predictions"
    parser.add_argument("-plans_json", metavar="FILE", help=f"plans.json ({default})")
    parser.add_argument("-dataset_json", metavar="FILE", help=f"dataset.json ({default})")
    parser.add_argument("-np", type=int, default=default_num_processes, help="processes (default %(default)s)")
