"""The console script `nnUNetv2_move_plans_between_datasets`; its arguments are read before numpy is imported."""

import argparse

from nnunetv2.foundation.command_line import command


@command
def entry_point_move_plans_between_datasets() -> None:
    """Run `nnUNetv2_move_plans_between_datasets`."""
    arguments = move_plans_parser().parse_args()
    from nnunetv2.experiment_planning.plans_for_pretraining.move_plans_between_datasets import move_as_asked

    move_as_asked(arguments)


def move_plans_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_move_plans_between_datasets."""
    parser = argparse.ArgumentParser(description="Use the plans of one dataset for another (pretraining).")
    parser.add_argument("-s", required=True, metavar="DATASET", help="id or name of the dataset that has the plans")
    parser.add_argument("-t", required=True, metavar="DATASET", help="id or name of the dataset to copy them to")
    parser.add_argument("-sp", required=True, metavar="NAME", help="name of the plans, for example nnUNetPlans")
    parser.add_argument("-tp", metavar="NAME", help="their new name (default: the same)")
    return parser
