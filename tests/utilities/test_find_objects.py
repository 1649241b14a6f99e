import os

import pytest

from nnunetv2.errors import DriftError, SettingsError
from nnunetv2.utilities import find_objects
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

TRAINER = "from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer\n"


@pytest.fixture
def base():
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    return nnUNetTrainer


def test_the_base_trainer_is_found_in_the_package(base):
    assert recursive_find_trainer_class_by_name("nnUNetTrainer") is base


def test_a_trainer_is_found_in_each_external_folder(tmp_path, monkeypatch, base):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "drift_trainer.py").write_text(f"{TRAINER}class DriftTrainer_{name}(nnUNetTrainer): pass")
    folders = [tmp_path / "missing", tmp_path / "one", tmp_path / "two"]
    monkeypatch.setenv("nnUNet_extTrainer", os.pathsep.join(map(str, folders)))

    for name in ("one", "two"):
        found = recursive_find_trainer_class_by_name(f"DriftTrainer_{name}")
        assert issubclass(found, base)
        assert found.__name__ == f"DriftTrainer_{name}"


def test_a_broken_file_beside_it_does_not_hide_a_trainer(tmp_path, monkeypatch, base):
    (tmp_path / "a_broken.py").write_text("# DriftTrainer\nimport drift_no_such_package")
    (tmp_path / "b_trainer.py").write_text(f"{TRAINER}class DriftTrainer(nnUNetTrainer): pass")
    monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path))

    assert issubclass(recursive_find_trainer_class_by_name("DriftTrainer"), base)


def test_an_unknown_trainer_is_an_error_with_folders_and_failed_imports(tmp_path, monkeypatch):
    (tmp_path / "drift_trainer.py").write_text("import drift_no_such_package\nclass DriftTrainerX: pass")
    monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path))

    with pytest.raises(RuntimeError, match="Could not find the trainer class DriftTrainerX") as caught:
        recursive_find_trainer_class_by_name("DriftTrainerX")

    assert isinstance(caught.value, DriftError)
    assert "nnUNet_extTrainer" in str(caught.value)
    assert f"{tmp_path / 'drift_trainer.py'}: ModuleNotFoundError" in str(caught.value)


@pytest.mark.parametrize("source", ["class DriftNoTrainer: pass", "DriftNoTrainer = 3"])
def test_something_that_is_not_a_trainer_is_an_assertion_error(tmp_path, monkeypatch, source):
    (tmp_path / "drift_trainer.py").write_text(source)
    monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path))

    with pytest.raises(AssertionError, match="expected a subclass of nnUNetTrainer"):
        recursive_find_trainer_class_by_name("DriftNoTrainer")


def test_the_finder_may_be_replaced_in_this_module(monkeypatch, base):
    asked = []
    monkeypatch.setattr(find_objects, "recursive_find_python_class", lambda *args: asked.append(args[1]) or base)

    assert recursive_find_trainer_class_by_name("Anything") is base
    assert asked == ["Anything"]


@pytest.mark.parametrize("name", ["os", "Path", "torch", "__builtins__", "", "a.b", "../x", 5, None])
def test_nothing_but_a_trainer_is_a_trainer(name):
    with pytest.raises(SettingsError):
        recursive_find_trainer_class_by_name(name)
