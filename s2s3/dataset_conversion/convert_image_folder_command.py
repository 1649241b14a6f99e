"""The command `drift convert`, which reads its arguments before anything imports numpy."""

import argparse

from nnunetv2.dataset_conversion.label_arguments import named_label, value_pair
from nnunetv2.foundation.command_line import command


@command
def convert_entry() -> None:
    """Run `drift convert`."""
    arguments = convert_parser().parse_args()
    from nnunetv2.dataset_conversion.convert_image_folder import convert_as_asked

    convert_as_asked(arguments)


def convert_parser() -> argparse.ArgumentParser:
    """Return the parser of drift convert."""
    parser = argparse.ArgumentParser(
        description="Make a raw nnU-Net dataset from a folder of images (PNG, TIFF, BMP, JPEG) and one of masks, with "
        "the domains of a table: columns case and domain, optionally group (patient or slide)."
    )
    parser.add_argument("-i", required=True, metavar="IMAGES", help="folder of images, x.png or x_0000.png")
    parser.add_argument(
        "-m",
        required=True,
        metavar="MASKS",
        help="folder of masks, x.png: grey values or palette indices are labels; may be the folder of images",
    )
    parser.add_argument("-d", required=True, type=int, metavar="ID", help="id of the new dataset")
    parser.add_argument("-n", required=True, metavar="NAME", help="name of the new dataset, without Dataset and id")
    parser.add_argument("--csv", metavar="TABLE", help="table of domains; without it there is one domain")
    parser.add_argument(
        "--labels",
        nargs="+",
        type=named_label,
        metavar="NAME=VALUE",
        help="for example background=0 tumor=1 stroma=2 (default: background, label_1, ... as found)",
    )
    parser.add_argument(
        "--relabel", nargs="+", type=value_pair, default=[], metavar="FOUND=LABEL", help="for example 255=1"
    )
    parser.add_argument("--mask-suffix", default="", metavar="TEXT", help="ending of mask names, for example _mask")
    parser.add_argument(
        "--keep-jpeg", action="store_true", help="copy JPEG images instead of storing them as PNG; labels are PNG files"
    )
    parser.add_argument("-np", type=int, default=2, help="processes; 0: in this process (default 2)")
    return parser
