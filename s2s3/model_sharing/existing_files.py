"""What an installation would replace: models, and files of a data set beside them, that are there already."""

import filecmp
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from nnunetv2.errors import OutputExistsError
from s1.problem_lists import raise_together


def refuse_overwriting(staging: Path, results: Path, models: Sequence[str], files: Sequence[PurePosixPath]) -> None:
    """Raise OutputExistsError if a model is there that differs from the one to install, or a file beside the models.

    A model whose files are all there with the same content is not in the way.

    Parameters:
        staging: folder with the unpacked files.
        models: `<data set>/<model>`.
        files: relative to `staging` and `results` alike.
    """
    problems = [
        *_models_in_the_way(staging, results, models, files),
        *_other_files(staging, results, models, files),
    ]
    advice = "; nothing was installed. Move it away, or replace it with --overwrite"
    lines = [f"{line}{advice * (len(problems) == 1)}" for line in problems]
    raise_together(OutputExistsError, f"cannot be installed{advice}", lines)


def _models_in_the_way(
    staging: Path, results: Path, models: Sequence[str], files: Sequence[PurePosixPath]
) -> Iterator[str]:
    for model in models:
        own = [file for file in files if file.is_relative_to(model)]
        different = [file for file in own if not _is_same(staging / file, results / file)]
        if different and os.path.lexists(results / model):
            example = different[0].relative_to(model)
            yield f"{results / model} is there already, with other files ({len(different)}, for example {example})"


def _other_files(staging: Path, results: Path, models: Sequence[str], files: Sequence[PurePosixPath]) -> Iterator[str]:
    """Yield what is said about files of no model, such as those of ensembles."""
    for file in files:
        target = results / file
        of_a_model = any(file.is_relative_to(model) for model in models)
        if not of_a_model and os.path.lexists(target) and not _is_same(staging / file, target):
            yield f"{target} is there already, with other content"


def _is_same(first: Path, second: Path) -> bool:
    return second.is_file() and not second.is_symlink() and filecmp.cmp(first, second, shallow=False)
