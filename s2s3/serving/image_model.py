"""A 2D model that is loaded once and predicts one image after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import DriftError, SettingsError
from nnunetv2.file_kinds.raw_dataset import channel_names
from nnunetv2.overlays.rendering import Rgb, colour_of
from nnunetv2.serving.refusals import RequestRefused
from nnunetv2.serving.uploaded_image import READERS, without_path
from nnunetv2.utilities.label_handling.label_meaning import class_values


@dataclass(frozen=True)
class ImageModel:
    """An initialised predictor for images of two dimensions.

    Parameters:
        predictor: nnUNetPredictor, or an object with its attributes and methods.
        name: shown to users.

    Raises SettingsError for a model of volumes or of a cascade.
    """

    predictor: Any
    name: str

    def __post_init__(self) -> None:
        reader = self.predictor.plans_manager.image_reader_writer_class
        if self.predictor.configuration_manager.previous_stage_name is not None:
            raise SettingsError(f"model {self.name}: it needs predictions of a previous stage, which no request has")
        if not issubclass(reader, READERS) or len(self.predictor.configuration_manager.patch_size) != 2:
            raise SettingsError(
                f"model {self.name}: it was trained on files that {reader.__name__} reads; only models of 2D images "
                "(PNG, TIFF, JPEG) can be served"
            )

    @cached_property
    def classes(self) -> dict[str, int]:
        """Foreground class -> value in the label image; for regions, the value that regions_class_order writes."""
        dataset_json = self.predictor.dataset_json
        has_regions = self.predictor.label_manager.has_regions
        return class_values(dataset_json["labels"], dataset_json["regions_class_order"] if has_regions else None)

    @cached_property
    def colours(self) -> Mapping[str, Rgb]:
        """Foreground class -> colour, as in overlays."""
        return {name: colour_of(value) for name, value in self.classes.items()}

    @property
    def channels(self) -> list[str]:
        """Names of the channels that an image has to have."""
        return list(map(str, channel_names(self.predictor.dataset_json)))

    def predict(self, image: Path) -> np.ndarray[Any, Any]:
        """Return the labels (H, W), 8 or 16 bits, of an image as viewers show it.

        Raises RequestRefused for an image that is damaged, has other channels, or cannot be predicted.
        """
        pixels, properties = self._read(image)
        try:
            labels = self.predictor.predict_single_npy_array(pixels, properties)
        except DriftError as error:
            raise RequestRefused(422, without_path(error, image)) from error
        except MemoryError:
            raise RequestRefused(413, "there is not enough memory for an image of this size") from None
        return np.asarray(labels[0])

    def _read(self, image: Path) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        reader = next(reader for reader in READERS if image.suffix in reader.supported_file_endings)
        try:
            pixels, properties = reader().read_images([str(image)])
        except DriftError as error:
            raise RequestRefused(400, without_path(error, image)) from None
        if len(pixels) != len(self.channels):
            expected = ", ".join(self.channels)
            raise RequestRefused(
                400, f"the image has {len(pixels)} channel(s), the model expects {len(self.channels)} ({expected})"
            )
        return pixels, properties


def load_image_model(folder: Path, folds: list[int | str] | None, checkpoint: str, settings: Any) -> ImageModel:
    """Load a model folder.

    Parameters:
        folds: None: all numbered folds, or `all` if there are none.
        settings: arguments of nnUNetPredictor.
    """
    from nnunetv2.inference.model_folder import usual_folds
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(**settings)
    predictor.initialize_from_trained_model_folder(folder, folds or usual_folds(folder, checkpoint), checkpoint)
    return ImageModel(predictor, folder.resolve().name)
