"""A model that slides are predicted with: what it needs to be, the pixel size it was trained at, and its identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from nnunetv2.errors import SettingsError
from nnunetv2.file_kinds.raw_dataset import channel_names
from nnunetv2.pathology.prediction.fold_networks import FoldNetworks
from nnunetv2.pathology.prediction.kept_tissue import KeptTissue
from nnunetv2.pathology.prediction.model_resolution import model_mpp
from nnunetv2.pathology.prediction.slide_normalisation import (
    RGB_CHANNELS,
    ChannelStatistics,
    SlideNormalisation,
    slide_normalisation,
)
from nnunetv2.pathology.settings_dicts import settings_to_dict
from nnunetv2.pathology.slides.colour_profile import ICC, NONE
from nnunetv2.pathology.slides.model_entry import ENTRY, slide_entry
from nnunetv2.pathology.slides.reader_process import Reading
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.utilities.label_handling.label_meaning import class_values
from s1.json_schema import is_name


class TissueFinder(Protocol):
    """What finds the tissue of slides, such as a TissueModel."""

    @property
    def identity(self) -> str:
        """Text that tells what it finds from what others find."""

    def find(self, source: SlideSource, reading: Reading, kept: KeptTissue | None = None) -> TissueMask:
        """Return the tissue of a slide, or what an earlier run has found."""


@dataclass(frozen=True)
class ModelFiles:
    """Where a model was loaded from."""

    folder: str
    folds: tuple[str, ...]
    checkpoint: str


@dataclass(frozen=True)
class SlideModel:
    """An initialised predictor and what follows from its model.

    Parameters:
        predictor: nnUNetPredictor, or an object with its attributes and hooks.
        name: of the model, for output files.
        identity: text that tells this model's weights from others'.
        files: where it is from; None for a predictor that was loaded by others.
        tissue: finds where slides are predicted; None: their colours tell.
    """

    predictor: Any
    name: str
    identity: str
    files: ModelFiles | None = None
    tissue: TissueFinder | None = None

    def __post_init__(self) -> None:
        configuration = self.predictor.configuration_manager
        if len(configuration.patch_size) != 2 or configuration.previous_stage_name is not None:
            kind = "needs a previous stage" if configuration.previous_stage_name else "is not two-dimensional"
            raise SettingsError(
                f"model {self.name}: its configuration {kind}; slides need a 2D one that needs no other"
            )
        if self.predictor.label_manager is None or self.num_input_channels != RGB_CHANNELS:
            raise SettingsError(
                f"model {self.name} is for images of {self.num_input_channels} channel(s); slides have red, green, blue"
            )
        if odd := [name for name in self.classes if not is_name(name)]:
            raise SettingsError(
                f"model {self.name}: its class {odd[0][:40]!r} is no text in one line, as the files of a slide need."
                " Rename it in its dataset.json"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the entry `model` of a state file."""
        files = {} if self.files is None else settings_to_dict(self.files)
        return {"name": self.name, "hash": self.identity, **files}

    @property
    def num_input_channels(self) -> int:
        """Channels of its images."""
        return len(channel_names(self.predictor.dataset_json))

    @cached_property
    def classes(self) -> dict[str, int]:
        """Foreground class -> value in the label image; for regions, the value that regions_class_order writes."""
        dataset_json = self.predictor.dataset_json
        has_regions = self.predictor.label_manager.has_regions
        return class_values(dataset_json["labels"], dataset_json["regions_class_order"] if has_regions else None)

    def output_channel(self, class_name: str) -> int:
        """Return the channel of the network's output that belongs to a foreground class."""
        manager = self.predictor.label_manager
        if manager.has_regions:
            return list(self.classes).index(class_name)
        return list(manager.all_labels).index(self.classes[class_name])

    @cached_property
    def networks(self) -> FoldNetworks:
        """The networks of all folds, loaded once for all slides."""
        return FoldNetworks(self.predictor)

    @property
    def tile_size(self) -> tuple[int, int]:
        """Height and width of a tile."""
        height, width = self.predictor.configuration_manager.patch_size
        return int(height), int(width)

    @property
    def normalisation(self) -> SlideNormalisation:
        """How pixels become the network's channels."""
        plans = self.predictor.plans_manager
        return slide_normalisation(
            self.predictor.configuration_manager, plans.foreground_intensity_properties_per_channel
        )

    @property
    def training_window_px(self) -> int:
        """The larger side of a training image: what dataset.json says of its tiles, else the median of the plans."""
        tile = slide_entry(self.predictor.dataset_json, "tile")
        if isinstance(tile, int) and not isinstance(tile, bool) and tile > 0:
            return tile
        shape: Sequence[float] = self.predictor.plans_manager.plans.get("original_median_shape_after_transp", ())
        return max(1, int(max(shape, default=max(self.tile_size))))

    @property
    def dataset_statistics(self) -> ChannelStatistics:
        """Of the foreground of the training images, from the plans; they may lack the extremes.

        Raises SettingsError for plans without means and standard deviations.
        """
        entries = self.predictor.plans_manager.foreground_intensity_properties_per_channel
        try:
            values = [entries[str(channel)] for channel in range(RGB_CHANNELS)]
            mean, std = (tuple(float(value[name]) for value in values) for name in ("mean", "std"))
            extremes = {"min": 0.0, "max": 255.0}
            low, high = (tuple(float(value.get(name, usual)) for value in values) for name, usual in extremes.items())
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SettingsError(
                f"model {self.name}: its plans do not state mean and standard deviation of its three channels"
                " (foreground_intensity_properties_per_channel). Use another --normalization than dataset"
            ) from None
        return ChannelStatistics(mean, std, low, high)

    def icc(self, given: str | None) -> str:
        """Return what becomes of the colours of slides: as given, else as dataset.json says of the training's.

        Raises SettingsError for an entry that this version does not know.
        """
        stated = slide_entry(self.predictor.dataset_json, "icc")
        if given is None and stated not in (None, *ICC):
            known = ", ".join(["null", *map(repr, ICC)])
            raise SettingsError(f"model {self.name}: its dataset.json says {ENTRY}.icc = {stated!r}, expected {known}")
        return given or stated or NONE

    def mpp(self, given: float | None) -> float:
        """Return the micrometres per pixel to predict at; see `model_mpp`."""
        spacing = self.predictor.configuration_manager.spacing
        return model_mpp(self.name, self.predictor.dataset_json, spacing, given)
