"""The console script `nnUNetv2_convert_MSD_dataset`, which reads its arguments before anything imports numpy."""

import argparse

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command


@command
def entry_point() -> None:
    """Run `nnUNetv2_convert_MSD_dataset`."""
    arguments = msd_parser().parse_args()
    from nnunetv2.dataset_conversion.convert_MSD_dataset import convert_as_asked

    convert_as_asked(arguments)


def msd_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_convert_MSD_dataset."""
    parser = argparse.ArgumentParser(description="Convert a task of the Medical Segmentation Decathlon.")
    parser.add_argument("-i", required=True, metavar="FOLDER", help="folder of the task, for example Task05_Prostate")
    parser.add_argument("-overwrite_id", type=int, metavar="ID", help="id of the new dataset (default: the task's)")
    parser.add_argument(
        "-np", type=int, default=default_num_processes, help="processes; 0: in this process (default %(default)s)"
    )
    return parser
