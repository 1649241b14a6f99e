"""The colours of the domains, measured before a training."""

from typing import Any

import numpy as np
import pytest

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.errors import CheckpointError
from nnunetv2.pathology.stain.intensities_entry import PROPERTY, Z_SCORES, intensities_entry
from nnunetv2.training.domain_balance import domain_colours
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_balance import balance_domains
from nnunetv2.training.domain_balance.domain_colours import measure_colours
from s1.domain_map import DomainMap

CASES = [f"{name}{number}" for name in "AB" for number in range(6)]
MAP = DomainMap({name: tuple(case for case in CASES if case.startswith(name)) for name in "AB"})
ALL_OFF = DomainBalanceSettings("uniform", False, False, False, False)


class Dataset:
    """Images of the laboratories A, pale, and B, dark."""

    identifiers = CASES

    def __init__(self, **properties: dict[str, Any]):
        self._properties = properties

    def load_case(self, case: str) -> tuple[Any, None, None, dict[str, Any]]:
        """Return a case as nnU-Net's datasets do; its image is not to be read."""
        stream = np.random.default_rng(CASES.index(case))
        image = stream.normal({"A": 220, "B": 90}[case[0]], 10, (3, 1, 16, 16)).clip(0, 255).astype(np.float32)
        return None, None, None, self._properties.get(case, {PROPERTY: intensities_entry(image, Z_SCORES)})


def test_each_domain_has_the_mean_optical_density_of_its_images() -> None:
    found = measure_colours(Dataset(), MAP)
    assert found is not None
    assert found.names == ("A", "B")
    np.testing.assert_allclose(found.means[:, :3], np.log(256 / np.array([[221.0] * 3, [91.0] * 3])), atol=0.02)


def test_a_dataset_with_an_image_of_unknown_colours_is_not_measured() -> None:
    assert measure_colours(Dataset(B3={}), MAP) is None


def test_of_a_large_domain_only_some_images_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_colours, "_MOST_IMAGES", 4)
    read: list[str] = []
    dataset = Dataset()
    monkeypatch.setattr(dataset, "load_case", lambda case: (read.append(case), Dataset.load_case(dataset, case))[1])
    assert measure_colours(dataset, MAP) is not None
    assert read == ["A0", "A2", "A4", "B0", "B2", "B4"]


def test_a_damaged_case_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"case B3: .*damaged"):
        measure_colours(Dataset(B3={PROPERTY: 7}), MAP)


def test_the_statistics_stand_in_the_checkpoints_of_a_training_by_domain_only() -> None:
    _, balanced = balance_domains(DatasetDomains(MAP), DomainBalanceSettings())
    assert "domain_statistics" not in balanced.checkpoint_entry()
    balanced.measure(Dataset())
    assert balanced.checkpoint_entry()["domain_statistics"]["names"] == ["A", "B"]
    for dataset in (DatasetDomains(MAP), DatasetDomains()):
        _, plain = balance_domains(dataset, ALL_OFF)
        plain.measure(Dataset())
        assert plain.statistics is None
        assert plain.checkpoint_entry() == {}
