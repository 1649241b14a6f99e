"""The arguments of `drift slide predict`, `export` and `compare`; imports no library, so --help answers at once."""

import argparse

from nnunetv2.run.slide_tiling_arguments import ICC, add_renaming, add_slide_opening

_UNITS = {"M": 1e-3, "G": 1.0, "T": 1e3}


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drift slide predict`."""
    parser.description = (
        "Predict whole slides with any 2D model of nnU-Net v2. May be stopped and started again: slides that are done "
        "are skipped, and a slide goes on at the band where it was."
    )
    add = parser.add_argument
    add("-i", nargs="+", required=True, metavar="SLIDE", help="files, folders with slides, or a CSV of slides")
    add("-o", required=True, metavar="FOLDER", help="output folder; each slide gets a folder in it")
    _add_model(parser)
    _add_what_is_predicted(parser)
    modes = "slide, image, window, dataset, or values:m1,m2,m3/s1,s2,s3"
    add("--normalization", default="slide", metavar="MODE", help=modes)
    _add_network(parser)
    add(
        "--save",
        nargs="*",
        default=["labels", "geojson", "overlay"],
        metavar="WHAT",
        help="out of labels, geojson, overlay, probabilities, zarr, dicom (default: the first three)",
    )
    pyramids = ["subifds", "pages"]
    add("--pyramid", default="subifds", choices=pyramids, help="of labels.ome.tif; pages: for viewers with OpenSlide")
    add(
        "--probability_mpp",
        type=float,
        metavar="UM",
        help="pixels of probabilities, rounded to the model's times a power of 2 (default: four times the model's)",
    )
    _add_export_settings(parser)
    add("--keep_partial", action="store_true", help="predict slides above --max_failed to their end, though they fail")
    add("--overwrite", action="store_true", help="predict slides anew that are done, or were begun differently")
    add("--retry_failed", action="store_true", help="try slides again that failed before, three times in all")
    _add_sharing(parser)
    add("--disable_progress_bar", action="store_true", help="hide progress bars")
    add_reading(parser)


def _add_sharing(parser: argparse.ArgumentParser) -> None:
    """Add how slides are shared among processes; those with the same output folder share them without any of it."""
    add = parser.add_argument
    add("--num_parts", type=int, default=1, metavar="N", help="of so many parts of the list, predict one only")
    add("--part_id", type=int, metavar="I", help="which one, 0 to N - 1 (default 0)")
    add("--devices", nargs="+", type=int, metavar="GPU", help="a process on each; with -device cpu, so many processes")
    add("--stage", metavar="FOLDER", help="on a local disk: the next slide is copied there while one is predicted")
    add("--engine", default="none", choices=["none", "slurm"], help="slurm: in jobs of a cluster (needs submitit)")
    add("--jobs", type=int, metavar="N", help="of the cluster (default 1)")
    add("--slurm", nargs="+", default=[], metavar="K=V", help="their options: partition=gpu time=240 mem_gb=32")


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-m", metavar="FOLDER", help="folder of a trained model, ours or nnU-Net's")
    add("-d", metavar="DATASET", help="id or name of the dataset of a model in nnUNet_results, instead of -m")
    add("-p", help="its plans (default nnUNetPlans)")
    add("-tr", help="its trainer (default nnUNetTrainer)")
    add("-c", help="its configuration (default 2d)")
    add("-f", nargs="+", metavar="FOLD", help="folds, or all (default: all numbered folds)")
    add("-chk", default="checkpoint_final.pth", help="name of the checkpoint (default checkpoint_final.pth)")


def _add_what_is_predicted(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mpp", type=float, metavar="UM", help="micrometres per pixel of the model (default: as dataset.json says)")
    add("--allow_upsampling", action="store_true", help="enlarge slides that are much coarser than the model")
    add("--icc", choices=ICC, help="srgb: convert colours by the slides' profiles (default: as dataset.json says)")
    add(
        "--tissue",
        default="auto",
        metavar="WHERE",
        help="auto (default): on tissue; none: everywhere; or a file or folder of areas",
    )
    add("--tissue_model", metavar="FOLDER", help="a model that finds tissue, instead of colours")
    add("--tissue_mpp", type=float, default=10.0, metavar="UM", help="micrometres per pixel of it (default 10)")
    add("--roi", metavar="FILE", help="regions to predict: GeoJSON or mask, or a folder of files named like the slides")
    add("--stain", default="he", choices=["he", "any"], help="any: do not tell blue and green pens from tissue")
    add("--margin", type=float, default=32.0, metavar="UM", help="around tissue (default 32)")
    add("--frame", default="content", choices=["content", "file"], help="of GeoJSON (default: as QuPath shows slides)")
    add("--max_failed", type=float, default=0.01, metavar="SHARE", help="of the tissue that may be unreadable (0.01)")


def _add_network(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-step_size", type=float, default=0.5, help="distance between tiles as a fraction of a tile (default 0.5)")
    add("--tta", action="store_true", help="average over mirrored tiles: four times the work")
    add("-b", type=int, metavar="TILES", help="tiles at once (default: 1 on the CPU, 8 on a GPU)")
    add("-device", choices=["cuda", "cpu", "mps"], help="default: cuda if there is a GPU, otherwise cpu")
    add("--memory", type=gigabytes, default=1.5, metavar="GB", help="for sums and pixels of a slide (default 1.5)")


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drift slide compare`."""
    parser.description = (
        "Predict the part of a slide with most tissue once for each way to normalise it, and print how many labels"
        " differ and, if the slide is annotated, the Dice of each. Writes no files."
    )
    add = parser.add_argument
    add("-i", required=True, metavar="SLIDE", help="a slide")
    add("-a", metavar="FILE", help="its annotation: x.geojson(.gz) or x.json of QuPath, x.xml of ASAP, x_mask.tif")
    names = "classes of the annotation, or values of a mask, under the model's names; FOUND= leaves a class out"
    add_renaming(add, names)
    add("--annotated", metavar="CLASS", help="class of the regions in which everything is annotated")
    add(
        "--normalization",
        nargs="+",
        default=["slide", "window", "dataset"],
        metavar="MODE",
        help="two or more, as of drift slide predict (default: slide window dataset)",
    )
    add("--edge", type=int, default=4096, metavar="PX", help="of the part, in the model's pixels (default 4096)")
    _add_model(parser)
    _add_what_is_predicted(parser)
    _add_network(parser)
    add_reading(parser)
    add("--json", action="store_true", help="print an object for programs instead of tables")


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drift slide export`."""
    parser.description = (
        "Make the files of predicted slides anew from their labels.ome.tif: other classes, other outlines, other "
        "formats. With the same options they are those of drift slide predict, byte for byte."
    )
    add = parser.add_argument
    add("-i", nargs="+", required=True, metavar="FOLDER", help="folders of slides, or output folders with many")
    add(
        "--save",
        nargs="+",
        default=["geojson"],
        choices=["geojson", "overlay", "zarr", "dicom"],
        help="outputs (default geojson)",
    )
    add("--frame", default="content", choices=["content", "file"], help="of GeoJSON (default: as QuPath shows slides)")
    add("--slides", nargs="+", metavar="SLIDE", help="the slides, for dicom: files, folders, or a CSV")
    add("--memory", type=gigabytes, default=1.5, metavar="GB", help="for making a DICOM segmentation (default 1.5)")
    _add_export_settings(parser)


def _add_export_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--classes", nargs="+", metavar="CLASS", help="that outlines and overlay show (default: all but background)")
    add("--simplify", type=float, metavar="UM", help="how far outlines may lie from pixel edges (default one pixel)")
    add("--min_area", type=float, metavar="UM2", help="smallest object and hole in outlines (default ten pixels)")
    add(
        "--objects",
        default="auto",
        choices=["auto", "annotation", "detection"],
        help="as which QuPath shows outlines (auto: as detections if they are more than 2,000)",
    )
    types = ["binary", "labelmap", "labelmap_jpeg2000"]
    add("--dicom_type", default="binary", choices=types, help="of DICOM segmentations (default: binary masks)")
    add("--dicom_codes", metavar="JSON", help="class -> [category, type], each [value, scheme, meaning], for dicom")
    add("--max_objects", type=int, default=500_000, metavar="N", help="the largest ones are kept (default 500000)")
    add("--ratio", nargs="+", default=[], metavar="A/B", help="ratios of areas to measure, such as Tumor/Stroma")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how slides are read, the same in all sub-commands."""
    add_slide_opening(parser)
    parser.add_argument("--mpp_of", metavar="CSV", help="table with the columns slide,mpp")
    parser.add_argument(
        "-nr", type=int, metavar="READERS", help="processes that read (default: CPUs - 1, at most 4; 0: in this one)"
    )


def gigabytes(text: str) -> float:
    """Return the number of 1.5, 1.5G or 1500M in GB. Raises ArgumentTypeError for other texts."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in _UNITS else (text, "G")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected GB, such as 1.5, 1.5G or 800M") from None
