"""The fingerprint of a dataset: spacings, shapes and foreground intensities of all training cases."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import CallError, CaseFailedError, DatasetError
from nnunetv2.experiment_planning.companion_files import take_over_domain_files
from nnunetv2.experiment_planning.dataset_checks import refuse_lost_cases
from nnunetv2.experiment_planning.dataset_fingerprint.case_analysis import analyze_case_exactly
from nnunetv2.experiment_planning.dataset_fingerprint.case_reading import read_cropped
from nnunetv2.experiment_planning.dataset_fingerprint.intensity_statistics import ChannelStatistics
from nnunetv2.experiment_planning.dataset_fingerprint.sampled_statistics import draw_foreground, statistics_of_draws
from nnunetv2.file_kinds.dataset_files import EXISTING_FINGERPRINT, FINGERPRINT
from nnunetv2.file_kinds.raw_dataset import channel_names, read_dataset_json
from nnunetv2.foundation.files import make_folder, read_json, write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.foundation.scratch_folder import scratch_folder
from nnunetv2.foundation.workers import iterate_cases
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.preprocessing.case_checks import channel_problems, nan_problems, raise_first
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.json_export import recursive_fix_for_json_export
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.imageio.base_reader_writer": ("BaseReaderWriter",),
        "nnunetv2.preprocessing.cropping.cropping": ("crop_to_nonzero",),
    },
)

_log = logging.getLogger(__name__)


class DatasetFingerprintExtractor:
    """Extracts the fingerprint of a dataset and writes dataset_fingerprint.json.

    By default the intensity statistics are exact, over all foreground voxels, with the same weight for every case.
    `stock_sampling` instead draws the random sample of nnU-Net 2.8.1 and yields its numbers to the last bit, at its
    cost in time and memory; so does a subclass that replaces `analyze_case` or `collect_foreground_intensities`.

    Parameters:
        num_processes: workers; 0 works in this process.
    """

    num_foreground_voxels_for_intensitystats: float

    def __init__(
        self,
        dataset_name_or_id: str | int,
        num_processes: int = 8,
        verbose: bool = False,
        stock_sampling: bool = False,
    ):
        self.verbose = verbose
        self.show_progress_bar = True
        self.dataset_name = maybe_convert_to_dataset_name(dataset_name_or_id)
        self.input_folder = os.path.join(nnUNet_raw, self.dataset_name)
        self.num_processes = num_processes
        self.dataset_json = read_dataset_json(self.input_folder)
        self.dataset = get_filenames_of_train_images_and_targets(self.input_folder, self.dataset_json)
        self.num_foreground_voxels_for_intensitystats = 1e8
        self.stock_sampling = stock_sampling

    @staticmethod
    def collect_foreground_intensities(
        segmentation: np.ndarray, images: np.ndarray, seed: int = 1234, num_samples: int = 10000
    ) -> tuple[list[Any], list[dict[str, float]]]:
        """Draw foreground values of each channel with replacement; also return statistics of all of them.

        Both arrays have 4 axes; everything above 0 in the segmentation is foreground.
        """
        if images.ndim != 4 or segmentation.ndim != 4:
            raise CallError(f"images and segmentation have {images.ndim} and {segmentation.ndim} axes, expected 4 each")
        raise_first(nan_problems(images, "the images") + nan_problems(segmentation, "the segmentation"))
        return draw_foreground(segmentation, images, seed, num_samples)

    @staticmethod
    def analyze_case(
        image_files: list[str],
        segmentation_file: str,
        reader_writer_class: type["BaseReaderWriter"],
        num_samples: int = 10000,
    ) -> tuple[tuple[int, ...], Any, list[Any], list[dict[str, float]], np.float64]:
        """Return shape after cropping, spacing, drawn intensities, statistics, and the fraction left by cropping."""
        case = read_cropped(image_files, segmentation_file, reader_writer_class)
        drawn, statistics = DatasetFingerprintExtractor.collect_foreground_intensities(
            case.segmentation, case.images, num_samples=num_samples
        )
        return case.shape, case.spacing, drawn, statistics, case.relative_size

    def run(self, overwrite_existing: bool = False) -> dict[str, Any]:
        """Return the fingerprint. If there is one, it is read, unless it is to be overwritten."""
        if not self.dataset:
            ending = self.dataset_json["file_ending"]
            raise DatasetError(f"no training cases: {self.input_folder}/imagesTr has no images <case>_0000{ending}")
        refuse_lost_cases(self.input_folder, self.dataset_json, self.dataset)
        output_folder = make_folder(nnUNet_preprocessed / self.dataset_name, "nnUNet_preprocessed")
        take_over_domain_files(self.input_folder, output_folder, self.dataset)
        file = output_folder / "dataset_fingerprint.json"
        if file.is_file() and not overwrite_existing:
            _log.info("%s: using the existing fingerprint; --clean computes a new one", self.dataset_name)
            existing: dict[str, Any] = read_json(file, EXISTING_FINGERPRINT)
            self._warn_about_another_number_of_cases(existing)
            return existing
        fingerprint = self._sampled() if self._draws_samples else self._exact(output_folder)
        recursive_fix_for_json_export(fingerprint)
        write_json(fingerprint, file, sort_keys=True)
        return read_json(file, FINGERPRINT)

    def _warn_about_another_number_of_cases(self, fingerprint: dict[str, Any]) -> None:
        count = len(fingerprint.get("spacings", ()))
        if count != len(self.dataset):
            _log.warning("%s: the fingerprint has %d cases, imagesTr %d", self.dataset_name, count, len(self.dataset))

    @property
    def _draws_samples(self) -> bool:
        return self.stock_sampling or any(
            getattr(type(self), name) is not getattr(DatasetFingerprintExtractor, name)
            for name in ("analyze_case", "collect_foreground_intensities")
        )

    @property
    def _num_channels(self) -> int:
        return len(channel_names(self.dataset_json))

    def _exact(self, output_folder: Path) -> dict[str, Any]:
        channels = [ChannelStatistics() for _ in range(self._num_channels)]
        geometry: list[tuple[Any, Any, Any]] = []
        with scratch_folder(output_folder, "fingerprint") as spill_folder:
            arguments = ((self._num_channels, str(spill_folder / str(number))) for number in range(len(self.dataset)))
            with self._analyzed(analyze_case_exactly, arguments) as analyses:
                for case in analyses:
                    geometry.append((case.shape_after_crop, case.spacing, case.relative_size))
                    for channel, summary in zip(channels, case.intensities, strict=True):
                        channel.add(summary)
            self._check_foreground(channels[0].is_empty)
            intensities = [channel.properties() for channel in channels]
        return _assemble(geometry, intensities)

    def _sampled(self) -> dict[str, Any]:
        num_samples = int(self.num_foreground_voxels_for_intensitystats // len(self.dataset))
        geometry, draws = [], []
        with self._analyzed(self.analyze_case, ((num_samples,) for _ in self.dataset)) as results:
            for case, (shape, spacing, drawn, _, relative_size) in zip(self.dataset, results, strict=True):
                for problem in channel_problems(len(drawn), self.dataset[case]["images"], self._num_channels):
                    raise CaseFailedError(case, problem)
                geometry.append((shape, spacing, relative_size))
                draws.append(drawn)
        self._check_foreground(not any(len(drawn[0]) for drawn in draws))
        intensities = [
            statistics_of_draws([drawn[channel] for drawn in draws]) for channel in range(self._num_channels)
        ]
        return _assemble(geometry, intensities)

    @contextmanager
    def _analyzed(self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Iterator[Any]]:
        """Yield the results of `function` for all cases, in the order of the dataset, under a progress bar."""
        from tqdm import tqdm

        reader = determine_reader_writer_from_dataset_json(
            self.dataset_json, next(iter(self.dataset.values()))["images"][0], verbose=self.verbose
        )
        cases = (
            (case, (files["images"], files["label"], reader, *more))
            for (case, files), more in zip(self.dataset.items(), arguments, strict=True)
        )
        with closing(iterate_cases(function, cases, min(self.num_processes, len(self.dataset)))) as results:
            options = {"total": len(self.dataset), "desc": "fingerprint", "mininterval": redraw_interval_s()}
            bar = tqdm(results, disable=not self.show_progress_bar, **options)
            yield (result for _, result in bar)

    def _check_foreground(self, is_empty: bool) -> None:
        if is_empty:
            raise DatasetError(
                f"{self.dataset_name}: none of the {len(self.dataset)} segmentations contains anything but "
                "background (0). Check the label values in labelsTr."
            )


def _assemble(geometry: list[tuple[Any, Any, Any]], intensities: list[dict[str, float]]) -> dict[str, Any]:
    """Return the fingerprint from (shape, spacing, relative size) per case and the statistics per channel."""
    shapes, spacings, relative_sizes = map(list, zip(*geometry, strict=True))
    return {
        "spacings": spacings,
        "shapes_after_crop": shapes,
        "foreground_intensity_properties_per_channel": dict(enumerate(intensities)),
        "median_relative_size_after_cropping": float(np.median(relative_sizes)),
    }
