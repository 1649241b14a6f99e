"""The console script `nnUNetv2_plot_overlay_pngs`, which reads its arguments before anything imports numpy."""

import argparse

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.command_line import command


@command
def entry_point_generate_overlay() -> None:
    """Run `nnUNetv2_plot_overlay_pngs`."""
    arguments = overlay_parser().parse_args()
    from nnunetv2.utilities.overlay_plots import plot_as_asked

    plot_as_asked(arguments)


def overlay_parser() -> argparse.ArgumentParser:
    """Return the parser of nnUNetv2_plot_overlay_pngs."""
    parser = argparse.ArgumentParser(
        description="Write a PNG for each training case: the plane with most foreground, with its labels in colour. "
        "Voxel spacing is not taken into account."
    )
    parser.add_argument("-d", required=True, metavar="DATASET", help="id or name of the dataset")
    parser.add_argument("-o", required=True, metavar="FOLDER", help="folder for the pictures")
    parser.add_argument(
        "-np", type=int, default=default_num_processes, help="processes; 0: in this process (default %(default)s)"
    )
    parser.add_argument(
        "-channel_idx", type=int, default=0, help="channel to show, 0 is _0000 (default %(default)s); RGB is in colour"
    )
    parser.add_argument(
        "--use_raw",
        action="store_true",
        help="show the raw images, in their true colours, instead of the preprocessed ones",
    )
    parser.add_argument("-p", default="nnUNetPlans", metavar="PLANS", help="plans, without --use_raw (%(default)s)")
    parser.add_argument("-c", metavar="CONFIGURATION", help="without --use_raw (default 3d_fullres, otherwise 2d)")
    parser.add_argument(
        "-overlay_intensity", type=float, default=0.6, help="0 = image alone, higher = stronger (default %(default)s)"
    )
    return parser
