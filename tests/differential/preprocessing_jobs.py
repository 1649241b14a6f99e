"""Small random data sets of many kinds, with plans, and what is run on them by the stock and by this package."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import numpy as np
import SimpleITK as sitk
import tifffile
from PIL import Image

from tests.preprocessing.factories import plans

TWO_LABELS = {"background": 0, "a": 1, "b": 2}
REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "single": [3], "ignore": 4}
CASES = ("case_0", "case_1")


@dataclass(frozen=True)
class Kind:
    """A kind of data set and how it is preprocessed."""

    reader: str
    ending: str
    channels: int = 1
    labels: dict[str, Any] = field(default_factory=lambda: TWO_LABELS)
    scheme: str = "ZScoreNormalization"
    target_spacing: tuple[float, ...] = (1.0, 1.0)
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Of the files, slowest axis first."""
    shape: tuple[int, ...] = (7, 19, 23)
    transpose: tuple[int, int, int] = (0, 1, 2)
    use_mask: bool = False
    zero_rim: bool = False
    resampling: dict[str, Any] = field(default_factory=dict)
    """Other resampling entries of the configuration."""


TORCH_RESAMPLING = {
    f"resampling_fn_{role}{end}": value
    for role in ("data", "seg")
    for end, value in (
        ("", "resample_torch_fornnunet"),
        ("_kwargs", {"is_seg": role == "seg", "force_separate_z": None, "memefficient_seg_resampling": False}),
    )
}
NO_RESAMPLING = {
    f"resampling_fn_{role}{end}": value
    for role in ("data", "seg")
    for end, value in (("", "no_resampling_hack"), ("_kwargs", {}))
}
ISOTROPIC_TO_FINER = {"spacing": (1.0, 1.0, 1.0), "target_spacing": (0.8, 0.7, 0.9)}
COARSE_FIRST = {"spacing": (5.0, 1.0, 1.0), "target_spacing": (4.0, 1.3, 0.8)}
COARSE_LAST = {"spacing": (0.9, 1.0, 4.5), "target_spacing": (4.0, 1.3, 0.8), "transpose": (2, 0, 1)}

KINDS = {
    "rgb png": Kind("NaturalImage2DIO", "rgb.png", 3),
    "rgb png with a black rim": Kind("NaturalImage2DIO", "rgb.png", 3, scheme="RGBTo01Normalization", zero_rim=True),
    "grey png with regions": Kind("NaturalImage2DIO", "grey.png", 2, labels=REGIONS),
    "16-bit png to another spacing": Kind("NaturalImage2DIO", "16.png", target_spacing=(1.4, 0.7)),
    "palette png": Kind("NaturalImage2DIO", "palette.png", 3, scheme="RescaleTo01Normalization"),
    "rgb tif": Kind("NaturalImage2DIO", "rgb.tif", 3, target_spacing=(0.5, 0.5)),
    "2d nrrd": Kind("SimpleITKIO", "2d.nrrd", spacing=(0.4, 0.5), shape=(31, 29), target_spacing=(0.55, 0.45)),
    "isotropic nifti": Kind("SimpleITKIO", ".nii.gz", 2, **ISOTROPIC_TO_FINER),
    "isotropic nifti, unchanged": Kind("SimpleITKIO", ".nii.gz", target_spacing=(1, 1, 1), scheme="CTNormalization"),
    "anisotropic nifti": Kind("SimpleITKIO", ".nii.gz", scheme="CTNormalization", zero_rim=True, **COARSE_FIRST),
    "transposed nifti": Kind("NibabelIO", ".nii", 2, labels=REGIONS, shape=(19, 23, 7), **COARSE_LAST),
    "masked nifti": Kind("SimpleITKIO", ".nii.gz", zero_rim=True, use_mask=True, **COARSE_FIRST),
    "masked, transposed nifti": Kind(
        "NibabelIOWithReorient", ".nii.gz", zero_rim=True, use_mask=True, shape=(19, 23, 7), **COARSE_LAST
    ),
    "tiff stack": Kind("Tiff3DIO", ".tif", 2, scheme="NoNormalization", **COARSE_FIRST),
    "2d plans for a volume": Kind("SimpleITKIO", ".nrrd", spacing=(3.0, 1.0, 1.0), target_spacing=(0.7, 1.2)),
    "torch resampling": Kind("SimpleITKIO", ".nii.gz", resampling=TORCH_RESAMPLING, **ISOTROPIC_TO_FINER),
    "torch resampling of coarse slices": Kind("SimpleITKIO", ".nii.gz", resampling=TORCH_RESAMPLING, **COARSE_FIRST),
    "no resampling": Kind("SimpleITKIO", ".nii.gz", resampling=NO_RESAMPLING, **ISOTROPIC_TO_FINER),
}


@dataclass(frozen=True)
class Job:
    """Everything one call of run_case_save needs."""

    output: str
    images: list[str]
    label: str
    plans: str
    dataset_json: str


def write_dataset(kind: Kind, folder: Path, random: np.random.Generator) -> list[Job]:
    """Write the files of a kind, its plans and its dataset.json; outputs are left to `Job.output`, a case's name."""
    folder.mkdir()
    ending = "." + kind.ending.split(".", 1)[1]
    names = {str(index): f"channel_{index}" for index in range(kind.channels)}
    content = {"channel_names": names, "labels": kind.labels, "numTraining": len(CASES), "file_ending": ending}
    if kind.labels is REGIONS:
        content["regions_class_order"] = [1, 2, 3]
    (folder / "dataset.json").write_text(json.dumps(content))
    changes = {"use_mask_for_norm": [kind.use_mask] * kind.channels, **kind.resampling}
    made = plans(kind.target_spacing, [kind.scheme] * kind.channels, kind.reader, kind.transpose, **changes)
    (folder / "plans.json").write_text(json.dumps(made))
    jobs = []
    for case in CASES:
        images = _write_images(kind, folder, case, ending, random)
        label = folder / f"{case}{ending}"
        largest = 4 if kind.labels is REGIONS else 2
        _write_labels(kind, label, random.integers(0, largest + 1, _label_shape(kind)).astype(np.uint8))
        jobs.append(Job(case, images, str(label), str(folder / "plans.json"), str(folder / "dataset.json")))
    return jobs


def _label_shape(kind: Kind) -> tuple[int, ...]:
    return kind.shape if kind.reader != "NaturalImage2DIO" else (33, 41)


def _write_images(kind: Kind, folder: Path, case: str, ending: str, random: np.random.Generator) -> list[str]:
    if kind.reader != "NaturalImage2DIO":
        files = [folder / f"{case}_{channel:04d}{ending}" for channel in range(kind.channels)]
        for file in files:
            _write_volume(kind, file, _with_rim(kind, random.normal(100, 40, kind.shape).astype(np.float32)))
        return [str(file) for file in files]
    if kind.channels == 2:
        files = [folder / f"{case}_{channel:04d}{ending}" for channel in range(2)]
        for file in files:
            Image.fromarray(random.integers(0, 256, _label_shape(kind), dtype=np.uint8)).save(file)
        return [str(file) for file in files]
    file = folder / f"{case}_0000{ending}"
    WRITERS[kind.ending](file, _with_rim(kind, random.integers(0, 256, (*_label_shape(kind), 3), dtype=np.uint8)))
    return [str(file)]


def _with_rim(kind: Kind, image: np.ndarray) -> np.ndarray:
    if kind.zero_rim:
        image[:1], image[:, -3:], image[3, 5:9] = 0, 0, 0
        if image.ndim == 3 and image.shape[-1] != 3:
            image[..., :2], image[3, 9, 8:11] = 0, 0
    return image


def _save_16_bits(file: Path, pixels: np.ndarray) -> None:
    file.write_bytes(imagecodecs.png_encode(pixels[..., 0].astype(np.uint16) * 200 + pixels[..., 1]))


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "rgb.png": lambda file, pixels: Image.fromarray(pixels).save(file),
    "rgb.tif": lambda file, pixels: tifffile.imwrite(file, pixels, photometric="rgb"),
    "palette.png": lambda file, pixels: Image.fromarray(pixels).quantize(50).save(file),
    "16.png": _save_16_bits,
}


def _write_volume(kind: Kind, file: Path, array: np.ndarray) -> None:
    if file.suffix == ".tif":
        tifffile.imwrite(file, array, photometric="minisblack")
        stem = file.name.removesuffix(".tif").rsplit("_0", 1)[0] if "_0" in file.name[6:] else file.stem
        (file.parent / f"{stem}.json").write_text(json.dumps({"spacing": list(kind.spacing)}))
    elif kind.reader.startswith("Nibabel"):
        affine = np.diag([-kind.spacing[2], kind.spacing[1], kind.spacing[0], 1.0])
        nibabel.save(nibabel.Nifti1Image(array.T, affine), file)
    else:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(kind.spacing[::-1])
        sitk.WriteImage(image, str(file))


def _write_labels(kind: Kind, file: Path, labels: np.ndarray) -> None:
    if kind.reader == "NaturalImage2DIO":
        Image.fromarray(labels).save(file)
    else:
        _write_volume(kind, file, labels)


RUN_JOBS = """
    import json, pickle, sys, warnings
    warnings.simplefilter("ignore")
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    for output, images, label, plans, dataset_json in json.load(open(sys.argv[1])):
        manager = PlansManager(plans)
        configuration = manager.get_configuration("2d")
        DefaultPreprocessor(verbose=False).run_case_save(
            output, images, label, manager, configuration, json.load(open(dataset_json)))
"""
"""Preprocesses the jobs in a JSON file, in one process; both packages run it."""

CALL = """
    import pickle, sys, warnings
    from importlib import import_module
    warnings.simplefilter("ignore")
    with open(sys.argv[1], "rb") as stream:
        calls = pickle.load(stream)
    results = []
    for module, name, arguments, options in calls:
        target = import_module("nnunetv2." + module)
        for part in name.split("."):
            target = getattr(target, part)
            target = target() if isinstance(target, type) else target
        try:
            results.append(target(*arguments, **options))
        except Exception as error:
            results.append([kind.__name__ for kind in type(error).__mro__])
    with open(sys.argv[2], "wb") as stream:
        pickle.dump(results, stream)
"""
"""Calls functions, or methods of fresh objects, and keeps their results, or the classes of the exception."""

Call = tuple[str, str, tuple[Any, ...], dict[str, Any]]


def results_of(run: Callable[..., str], calls: list[Call], folder: Path) -> list[Any]:
    """Make the calls with `run_oracle` or `run_ours`."""
    given, answered = folder / "calls.pkl", folder / f"results_{run.__name__}.pkl"
    given.write_bytes(pickle.dumps(calls))
    run(CALL, given, answered)
    return pickle.loads(answered.read_bytes())


def is_same(one: Any, other: Any) -> bool:
    """Whether two results are equal in types, order of keys, and every value."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(is_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
