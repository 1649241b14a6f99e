import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.preprocessing.preprocessor_lookup import require_preprocessor_class
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager
from tests.preprocessing.factories import managers, plans


def configuration(preprocessor_name: object) -> ConfigurationManager:
    content = plans()
    content["configurations"]["2d"]["preprocessor_name"] = preprocessor_name
    return managers(content)[1]


def test_the_preprocessor_of_the_plans_is_found() -> None:
    assert require_preprocessor_class(configuration("DefaultPreprocessor")) is DefaultPreprocessor


def test_an_unknown_preprocessor_is_named() -> None:
    with pytest.raises(SettingsError, match="no preprocessor named 'Nope' in"):
        require_preprocessor_class(configuration("Nope"))


@pytest.mark.parametrize("name", ["os", "Path", "isfile", "ImageNormalization", 3])
def test_something_else_of_this_name_is_no_preprocessor(name: object) -> None:
    with pytest.raises(SettingsError, match=rf"^plans \(.*\): preprocessor_name: .*{name!r}"):
        require_preprocessor_class(configuration(name))
