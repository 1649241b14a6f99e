"""Preprocessing of a whole dataset for one configuration; an interrupted run is continued by the next one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nnunetv2.errors import DatasetLayoutError, SettingsError
from nnunetv2.foundation.journal import stamp
from nnunetv2.foundation.workers import run_cases
from nnunetv2.preprocessing.recipe import reads_only_listed_entries, recipe
from nnunetv2.preprocessing.resumable_folder import ResumableFolder
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager


@dataclass(frozen=True)
class DatasetRun:
    """A preprocessor with all that it needs for the cases of a dataset. Picklable: workers store cases through it.

    The preprocessor is a DefaultPreprocessor or a class with its `run_case_save` and `show_progress_bar`.
    """

    preprocessor: Any
    target: ResumableFolder
    plans: PlansManager
    configuration: ConfigurationManager
    dataset_json: dict[str, Any]

    def store_all(self, cases: Mapping[str, dict[str, Any]], num_processes: int, description: str) -> None:
        """Store the cases that are not finished yet; anything in the folder that is not a finished case is removed.

        Parameters:
            cases: case -> {"images": [path per channel], "label": path}.
            num_processes: 0 works in this process.

        Raises CaseFailedError naming the case that failed.
        """
        _refuse_ambiguous_names(cases)
        reader = self._reader()
        sources = {case: _source_files(files, reader) for case, files in cases.items()}
        method = recipe(self.preprocessor, self.plans, self.configuration, self.dataset_json)
        finished = self.target.prepare(method, sources)
        tasks = [(case, (case, files, sources[case])) for case, files in cases.items() if case not in finished]
        if finished:
            description += f" ({len(finished)} of {len(cases)} cases were already done)"
        try:
            run_cases(self.store_case, tasks, num_processes, description, self.preprocessor.show_progress_bar)
        finally:
            self.target.tidy()

    def _reader(self) -> Any:
        """Return the reader; None if only the workers of an own preprocessor know it."""
        try:
            return self.plans.image_reader_writer_class()
        except SettingsError:
            if reads_only_listed_entries(self.preprocessor):
                raise
            return None

    def store_case(self, case: str, files: dict[str, Any], sources: Iterable[str]) -> None:
        """Preprocess one case and enter it as finished; called in a worker process."""
        stamps = [stamp(path) for path in sources]
        self.preprocessor.run_case_save(
            self.target.begin(case),
            files["images"],
            files["label"],
            self.plans,
            self.configuration,
            self.dataset_json,
        )
        self.target.finish(case, stamps)


def _source_files(files: dict[str, Any], reader: Any) -> list[str]:
    side_files = getattr(reader, "side_files", None)  # readers need not derive from BaseReaderWriter
    return [*files["images"], files["label"], *(side_files(files["images"]) if side_files else ())]


def _refuse_ambiguous_names(cases: Iterable[str]) -> None:
    """The labels of case x are stored as x_seg, so no case may have such a name itself."""
    ambiguous = [str(case) for case in cases if case.endswith("_seg")]
    if ambiguous:
        raise DatasetLayoutError("cases must not end in _seg, rename their files:", ambiguous)
