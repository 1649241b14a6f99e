"""The arguments by which commands are told a trained model."""

import argparse

from nnunetv2.foundation.command_line import fold


def add_model_arguments(parser: argparse.ArgumentParser, usual_folds: str) -> None:
    """Add the model folder, `-f` and `-chk`.

    Parameters:
        usual_folds: the folds that are used where none is asked for, in words.
    """
    add = parser.add_argument
    add("model", metavar="MODEL_FOLDER", help="folder with plans.json, dataset.json and fold_X")
    add("-f", nargs="+", type=fold, metavar="FOLD", help=f"folds, or all (default: {usual_folds})")
    add("-chk", default="checkpoint_final.pth", metavar="FILE", help="checkpoint in each fold (default %(default)s)")
