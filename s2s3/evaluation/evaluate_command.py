"""The console scripts `nnUNetv2_evaluate_folder` and `nnUNetv2_evaluate_simple`.

They read their arguments before anything imports numpy.
"""

import argparse

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command


@command
def evaluate_folder_entry_point() -> None:
    """Run `nnUNetv2_evaluate_folder`."""
    arguments = folder_parser().parse_args()
    from nnunetv2.evaluation.evaluate_predictions import evaluate_folder_as_asked

    evaluate_folder_as_asked(arguments)


@command
def evaluate_simple_entry_point() -> None:
    """Run `nnUNetv2_evaluate_simple`."""
    arguments = simple_parser().parse_args()
    from nnunetv2.evaluation.evaluate_predictions import evaluate_simple_as_asked

    evaluate_simple_as_asked(arguments)


def folder_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_evaluate_folder."""
    parser = argparse.ArgumentParser(description="Score predictions with the labels of a model's dataset.json.")
    _add_folders(parser)
    parser.add_argument("-djfile", required=True, metavar="FILE", help="dataset.json of the model")
    parser.add_argument("-pfile", required=True, metavar="FILE", help="plans.json of the model")
    _add_settings(parser)
    return parser


def simple_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_evaluate_simple."""
    parser = argparse.ArgumentParser(description="Score predictions for a list of labels.")
    _add_folders(parser)
    parser.add_argument("-l", type=int, nargs="+", required=True, metavar="LABEL", help="labels to score")
    parser.add_argument("-il", type=int, metavar="LABEL", help="ignore label")
    _add_settings(parser)
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gt_folder", help="folder of reference segmentations")
    parser.add_argument("pred_folder", help="folder of predictions")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", metavar="FILE", help="output file (default summary.json in the folder of predictions)")
    parser.add_argument("-np", type=int, default=default_num_processes, help="processes (default %(default)s)")
    parser.add_argument("--chill", action="store_true", help="accept references without a prediction")
    text = "domains.json; scores by domain are also printed, and written to domain_summary.json next to the output"
    parser.add_argument("--domains", metavar="FILE", help=text)
