"""Random arrays, plans and dataset.json for run_case_npy, and the script that both packages preprocess them with."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.differential.preprocessing_jobs import NO_RESAMPLING, REGIONS, TORCH_RESAMPLING, TWO_LABELS
from tests.preprocessing.factories import plans

SCHEMES = ("ZScoreNormalization", "CTNormalization", "NoNormalization", "RescaleTo01Normalization")
LABELS: tuple[dict[str, Any], ...] = (
    {"labels": TWO_LABELS},
    {"labels": REGIONS, "regions_class_order": [1, 2, 3]},
    {"labels": {"background": 0, "whole": [1, 2, 3], "core": [3, 2], "single": 3}, "regions_class_order": [1, 2, 3]},
    {"labels": {"background": 0, "b": 2, "a": 1, "many": 130, "ignore": 131}},
)

PREPROCESS_ARRAYS = """
    import pickle, sys, warnings
    import numpy as np
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    warnings.simplefilter("ignore")

    class WithHooks(DefaultPreprocessor):
        notes = []

        def _normalize(self, data, seg, *rest):
            self.notes.append(["normalize", data.shape, str(data.dtype), seg.shape, str(seg.dtype), seg.min()])
            return super()._normalize(data, seg, *rest)

        @staticmethod
        def _sample_foreground_locations(seg, classes_or_regions, seed=1234, verbose=False):
            WithHooks.notes.append(["sample", seg.shape, str(seg.dtype), str(classes_or_regions), seed, verbose])
            return DefaultPreprocessor._sample_foreground_locations(seg, classes_or_regions, 99, verbose)

        def modify_seg_fn(self, seg, plans_manager, dataset_json, configuration_manager):
            names = [type(given).__name__ for given in (plans_manager, dataset_json, configuration_manager)]
            self.notes.append(["modify", seg.shape, str(seg.dtype), *names])
            return np.where(seg == 2, 1, seg)

    with open(sys.argv[1], "rb") as stream:
        cases = pickle.load(stream)
    results = []
    for data, seg, spacing, plans, dataset_json in cases:
        manager = PlansManager(plans)
        for preprocessor in (DefaultPreprocessor(verbose=False), WithHooks(verbose=False)):
            given = data.copy(), None if seg is None else seg.copy()
            configuration = manager.get_configuration("2d")
            result = preprocessor.run_case_npy(*given, {"spacing": spacing}, manager, configuration, dataset_json)
            unchanged = np.array_equal(given[0], data) and (seg is None or np.array_equal(given[1], seg))
            results.append((result, unchanged, list(WithHooks.notes)))
            WithHooks.notes.clear()
    with open(sys.argv[2], "wb") as stream:
        pickle.dump(results, stream)
"""


def random_arrays(random: np.random.Generator, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield data, seg (or None, as at inference), spacing, plans and dataset.json."""
    for index in range(count):
        shape = (1, *random.integers(8, 40, 2)) if index % 4 == 0 else tuple(random.integers(6, 16, 3))
        channels = int(random.integers(1, 4))
        data = _with_zeros(random, random.normal(100, 50, (channels, *shape)))
        content = LABELS[random.integers(len(LABELS))]
        names = {str(channel): "x" for channel in range(channels)}
        spacing = [999.0, 1.0, 1.0] if shape[0] == 1 else random.choice([0.7, 1.0, 2.0, 5.0], 3).tolist()
        seg = None if index % 5 == 4 else _labels(random, content["labels"], shape)
        yield data, seg, spacing, _plans(random, channels, shape[0] == 1), {"channel_names": names, **content}


def _with_zeros(random: np.random.Generator, data: np.ndarray) -> np.ndarray:
    if random.random() < 0.6:
        data[:, random.random(data.shape[1:]) < 0.1] = 0
        data[..., : random.integers(0, 3)] = 0
        data[:, :, data.shape[2] - random.integers(0, 2) :] = 0
    return data.astype(random.choice([np.float32, np.float64, np.int16]))


def _labels(random: np.random.Generator, labels: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    values = np.unique(np.concatenate([np.ravel(value) for value in labels.values()]))
    return random.choice(values, (1, *shape)).astype(random.choice([np.float32, np.int16, np.int64]))


def _plans(random: np.random.Generator, channels: int, is_2d: bool) -> dict[str, Any]:
    target = random.choice([0.6, 1.0, 1.7], 3).tolist()
    schemes = random.choice(SCHEMES, channels).tolist()
    changes = [{}, {}, TORCH_RESAMPLING, NO_RESAMPLING][random.integers(4)]
    return plans(
        target[1:] if is_2d or random.random() < 0.2 else target,
        schemes,
        "SimpleITKIO",
        (0, 1, 2) if is_2d else random.permutation(3).tolist(),
        use_mask_for_norm=[bool(random.integers(2)) for _ in schemes],
        **changes,
    )
