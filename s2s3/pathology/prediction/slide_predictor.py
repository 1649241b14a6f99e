"""Predicts slides, one after the other, with an initialised predictor."""

import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nnunetv2.errors import ArgumentError, ClaimError
from nnunetv2.inference.model_folder import usual_folds
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology.outputs.slide_files import require_inputs, require_packages
from nnunetv2.pathology.prediction.claims import Claim, claiming
from nnunetv2.pathology.prediction.equal_slides import EqualSlide
from nnunetv2.pathology.prediction.model_identity import model_identity
from nnunetv2.pathology.prediction.slide_facts import versions
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import ModelFiles, SlideModel
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_state import read_measurements, read_state
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.prediction.tissue_model import load_tissue_model
from nnunetv2.pathology.slides.slide_list import SlideEntry, slide_name
from nnunetv2.pathology.slides.slide_parts import check_apart_from_slide

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class SlideResult:
    """What a folder of outputs has of a slide."""

    state: Mapping[str, Any]
    """The content of state.json; its entry `state` is `done` or `no_tissue`."""
    measurements: Mapping[str, Any]
    """The content of measurements.json; empty unless the slide is done."""
    files: Mapping[str, Path]
    """Name -> path of everything in the folder, such as `labels.ome.tif`."""

    @classmethod
    def read(cls, folder: Path) -> "SlideResult":
        """Return the result in the folder of a slide that was predicted."""
        state = read_state(folder)
        shown = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        return cls(state, read_measurements(folder, state), {path.name: path for path in shown})


class SlidePredictor:
    """Predicts slides with a model.

    Parameters:
        predictor: an initialised nnUNetPredictor, or an object with its attributes and hooks; each batch of tiles goes
            through its `_internal_maybe_mirror_and_predict`, with one fold after the other in its `network`.
        settings: what decides the outputs. Their step size counts, not that of the predictor.
        options: how slides are read and followed; by default in this process, without protection against decoders that
            hang.
        name: of the model, in outputs and messages.
        files: where the model is from, for the record.

    Raises SettingsError if the model or the settings cannot be used, MissingPixelSizeError if the model does not state
    its pixel size and the settings do not either.
    """

    def __init__(
        self,
        predictor: Any,
        settings: SlideSettings | None = None,
        options: RunOptions | None = None,
        name: str | None = None,
        files: ModelFiles | None = None,
    ):
        self.settings, self.options = settings or SlideSettings(), options or RunOptions()
        if bool(predictor.use_mirroring) != self.settings.mirroring:
            raise ArgumentError(
                f"the predictor has use_mirroring={predictor.use_mirroring}, the settings mirroring="
                f"{self.settings.mirroring}: give both the same value (slides are usually predicted without)"
            )
        chosen = self.settings
        tissue = (
            None
            if chosen.tissue_model is None
            else load_tissue_model(chosen.tissue_model, chosen.tissue_mpp, predictor.device)
        )
        self.model = SlideModel(predictor, name or _model_name(predictor), model_identity(predictor), files, tissue)
        self.model.mpp(self.settings.mpp)
        self.model.icc(self.settings.icc)
        self.settings.export.require_classes(list(self.model.classes))
        require_packages(self.settings.export)

    def with_options(self, **changes: Any) -> "SlidePredictor":
        """Return the same predictor with some options changed; see RunOptions."""
        changed = copy(self)
        changed.options = replace(self.options, **changes)
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Return model, settings and versions, as run.json keeps them."""
        return {"model": self.model.to_dict(), "settings": self.settings.to_dict(), "versions": versions()}

    def require_slides(self, entries: Sequence[SlideEntry]) -> None:
        """Raise SlideError if an output that is asked for cannot be made of a slide, before time is spent on it."""
        paths = [entry.path for entry in entries]
        require_inputs(self.settings.export, self.model.classes, paths, self.options.read_timeout_s)

    def predict(self, slide: PathLike, folder: PathLike, slide_mpp: float | None = None) -> SlideResult:
        """Predict a slide into its folder, or go on where a stopped call was; a slide that is done is left alone.

        Parameters:
            slide_mpp: micrometres per pixel of the finest level, instead of what the file states.

        Raises SlideError if the slide cannot be predicted, which its state says too; ClaimError if another process is
        at work in the folder; OutputExistsError for outputs of another model or other settings; InvalidOutputError for
        the folder of the slide.
        """
        entry, target = SlideEntry(os.fspath(slide), slide_name(slide), slide_mpp), Path(folder)
        check_apart_from_slide(target, entry.path, self.options.read_timeout_s)
        with claiming(target) as claim:
            if claim is None:
                raise ClaimError(f"{target}: another process is predicting a slide into it; wait for it")
            self.require_slides([entry])
            self.predict_claimed(entry, target, claim, self.settings.overwrite)
        return SlideResult.read(target)

    def predict_claimed(
        self, entry: SlideEntry, folder: Path, claim: Claim, anew: bool, equal: EqualSlide | None = None
    ) -> dict[str, Any]:
        """Predict a slide into a folder that is claimed for it and return its state; raises as `predict`.

        Parameters:
            anew: whether what is there is replaced.
            equal: a slide whose outputs are taken over if they are what this one's would be.
        """
        settings, options = replace(self.settings, overwrite=anew), replace(self.options, check=claim.check)
        return SlideJob(self.model, settings, options).run(entry.path, entry.name, folder, entry.mpp, equal)


def load_slide_predictor(
    model_folder: PathLike,
    settings: SlideSettings,
    options: RunOptions | None = None,
    device: torch.device | None = None,
    folds: tuple[int | str, ...] | None = None,
    checkpoint_name: str = "checkpoint_final.pth",
) -> SlidePredictor:
    """Return a predictor with the model of a folder; arguments as of SlidePredictor and nnUNetPredictor.

    Parameters:
        device: None: cuda if there is a GPU, otherwise cpu.
        folds: None: all numbered folds with a checkpoint, or the one of all cases.
    """
    folder = Path(model_folder)
    predictor = nnUNetPredictor(
        settings.step_size,
        use_mirroring=settings.mirroring,
        device=device or torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        allow_tqdm=False,
    )
    chosen = folds or usual_folds(folder, checkpoint_name)
    predictor.initialize_from_trained_model_folder(folder, chosen, checkpoint_name)
    files = ModelFiles(os.path.abspath(folder), tuple(map(str, chosen)), checkpoint_name)
    return SlidePredictor(predictor, settings, options, folder.name, files)


def _model_name(predictor: Any) -> str:
    return f"{predictor.plans_manager.dataset_name} {predictor.trainer_name}"
