"""Checks a prediction before anything is written: inputs that are missing, results in their place."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from nnunetv2.errors import CallError, DatasetError, InvalidOutputError
from nnunetv2.foundation.output_guard import check_output_folder
from nnunetv2.inference.case_lists import PathLike, Target, output_folders


def check_previous_stage(stage: str | None, folder: PathLike | None) -> None:
    """Raise CallError unless a folder of predictions is given exactly if the model follows a stage of a cascade.

    Parameters:
        stage: configuration of the previous stage, None if there is none.
    """
    if stage is not None and folder is None:
        raise CallError(
            f"this is the second stage of a cascade: predict the images with configuration {stage} first and pass "
            "the folder of its predictions (folder_with_segs_from_prev_stage, -prev_stage_predictions)"
        )
    if stage is None and folder is not None:
        raise CallError("predictions of a previous stage were given, but this configuration has no previous stage")


def check_output_folders(target: Target) -> None:
    """Raise InvalidOutputError if results would go into the folder of a dataset or of a model."""
    for folder in output_folders(target):
        check_output_folder(folder or os.curdir)


def check_files(
    inputs: Sequence[Sequence[PathLike]],
    outputs: Sequence[str] | None,
    previous_stages: Sequence[PathLike | None],
    file_ending: str,
) -> None:
    """Check the files of all cases together.

    Parameters:
        outputs: names of the results without file ending; None if nothing is written.

    Raises DatasetError for cases without images or without a prediction of the previous stage, InvalidOutputError if
    two cases have one result or if a result is the file of an input; each lists all of them. Whether images exist is
    left to their reader, which need not read files.
    """
    problems = [f"case number {number} has no image file" for number, files in enumerate(inputs) if not files]
    previous = [os.fspath(file) for file in previous_stages if file is not None]
    problems += [
        f"{file}: not found, no prediction of the previous stage" for file in previous if not os.path.exists(file)
    ]
    if problems:
        raise DatasetError(f"nothing was predicted, {len(problems)} input(s) are missing:", problems)
    read = [os.fspath(file) for files in inputs for file in files] + previous
    results = [f"{name}{file_ending}" for name in outputs or ()]
    problems = [*_repeated(results), *_same_files(results, read)]
    if problems:
        raise InvalidOutputError("\n  ".join(["results would replace each other, or inputs:", *problems]))


def _repeated(results: Sequence[str]) -> Iterator[str]:
    for result, count in Counter(map(os.path.abspath, results)).items():
        if count > 1:
            yield f"{result}: the result of {count} cases; give their images different names"


def _same_files(results: Sequence[str], read: Sequence[str]) -> Iterator[str]:
    """Yield the results that are input files, also under another name."""
    identities = {identity for file in read if (identity := _identity(file))}
    for result in results:
        if _identity(result) in identities:
            yield f"{result}: this is an input; choose another output folder or name"


def _identity(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino
