"""`drift container` writes all that a container needs, from a model that predicts."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.model_container import own_trainers
from nnunetv2.model_container.container_files import ContainerSettings, write_container
from nnunetv2.run.container_command import container_entry
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.packaging.test_repository_files import check


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plans = make_plans([16, 16], [1.0, 1.0], ".png", 3)
    folder = tmp_path_factory.mktemp("results") / "Dataset001_X" / "nnUNetTrainer__nnUNetPlans__2d"
    return write_model_folder(folder, plans, make_dataset_json(".png", 3), folds=(0, 1))


@pytest.fixture(scope="module")
def container(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = (model, "-o", tmp_path_factory.mktemp("c") / "c", "-f", 1, "--output_name", "tumor", "--cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["drift container", *map(str, words)])
        container_entry()
    return Path(words[2])


def test_the_folder_holds_code_model_versions_and_scripts(container: Path) -> None:
    names = {file.relative_to(container).as_posix() for file in container.rglob("*") if file.is_file()}
    assert {"model/plans.json", "model/dataset.json", "model/fold_1/checkpoint_final.pth"} <= names
    assert {"package/nnunetv2/model_container/algorithm.py", "package/s1/files.py"} <= names
    assert not {name for name in names if "fold_0" in name or "__pycache__" in name}
    assert all(stat.S_IMODE((container / name).stat().st_mode) == 0o755 for name in ("build.sh", "test.sh"))
    packages = (container / "requirements.txt").read_text().split()
    assert {name.split("==")[0] for name in packages} >= {"torch", "numpy", "batchgeneratorsv2", "shapely"}
    assert all(name.count("==") == 1 and "+" not in name for name in packages)


def test_the_dockerfile_is_clean_and_starts_the_algorithm_as_a_user_without_rights(container: Path) -> None:
    text = (container / "Dockerfile").read_text()
    assert "\nUSER 1000\n" in text
    entry = json.loads(next(line for line in text.splitlines() if line.startswith("ENTRYPOINT")).split(" ", 1)[1])
    assert entry[:3] == ["python", "-m", "nnunetv2.model_container.algorithm"]
    assert entry[entry.index("--output_name") + 1] == "tumor"
    assert entry[entry.index("-f") + 1 :] == ["1"]
    assert "whl/cpu" in text
    check("hadolint", container / "Dockerfile")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-f", "7"], "has no checkpoint_final.pth of fold 7; there is one of 0, 1"),
        (["-chk", "checkpoint_best.pth"], "has no checkpoint_best.pth of any fold; train it first"),
        (["--output_name", "../x"], "expected small letters, digits and hyphens"),
        (["--slides", "--mpp", "nan"], "--mpp nan: expected a number above 0, together with --slides"),
        (["--mpp", "0.5"], "--mpp 0.5: expected a number above 0, together with --slides"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(
    run_command: Callable[..., None],
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    words: str,
) -> None:
    run_command(container_entry, model, "-o", tmp_path / "c", *more, exit_code=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "c").exists()


def test_folders_that_only_look_like_folds_are_none(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "model")
    shutil.copytree(copy / "fold_0", copy / "fold_0_old")
    write_container(copy, tmp_path / "c", ContainerSettings(whole_slides=True, mpp=0.2527041))
    assert sorted(path.name for path in (tmp_path / "c/model").glob("fold_*")) == ["fold_0", "fold_1"]
    assert '"--mpp", "0.2527041"' in (tmp_path / "c/Dockerfile").read_text()


def test_an_existing_folder_is_left_alone(
    run_command: Callable[..., None], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c").mkdir()
    run_command(container_entry, model, "-o", tmp_path / "c", exit_code=2)
    assert "exists; remove it" in capsys.readouterr().err


OWN = "class nnUNetTrainerOwn(nnUNetTrainer):\n    pass\n"


@pytest.fixture
def own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of a trainer in a folder of nnUNet_extTrainer, beside other files and links."""
    trainers = tmp_path / "trainers"
    (trainers / "parts").mkdir(parents=True)
    (trainers / "parts/__init__.py").touch()
    (trainers / "own.py").write_text(
        f"import parts, hypothesis\nfrom nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer\n{OWN}"
    )
    (trainers / "secret.txt").write_text("mine")
    (tmp_path / "elsewhere.py").touch()
    (trainers / "link.py").symlink_to(tmp_path / "elsewhere.py")
    monkeypatch.setenv("nnUNet_extTrainer", str(trainers))
    plans, about = make_plans([16, 16], [1.0, 1.0], ".png", 3), make_dataset_json(".png", 3)
    folder = tmp_path / "Dataset001_X" / "nnUNetTrainerOwn__nnUNetPlans__2d"
    return write_model_folder(folder, plans, about, trainer_name="nnUNetTrainerOwn")


def test_a_trainer_of_the_users_own_goes_along_with_what_it_imports(own_model: Path, tmp_path: Path) -> None:
    write_container(own_model, tmp_path / "c", ContainerSettings())
    taken = {file.relative_to(tmp_path / "c/trainers").as_posix() for file in (tmp_path / "c/trainers").rglob("*.*")}
    assert taken == {"0/own.py", "0/parts/__init__.py"}
    dockerfile = (tmp_path / "c/Dockerfile").read_text()
    assert "COPY trainers /opt/algorithm/trainers\n" in dockerfile
    assert "nnUNet_extTrainer=/opt/algorithm/trainers/0 \\" in dockerfile
    packages = {line.split("==")[0] for line in (tmp_path / "c/requirements.txt").read_text().split()}
    assert {"hypothesis", "sortedcontainers", "torch"} <= packages
    check("hadolint", tmp_path / "c/Dockerfile")


def test_without_need_no_trainers_go_along(
    model: Path, own_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_container(model, tmp_path / "c", ContainerSettings())
    assert not (tmp_path / "c/trainers").exists()
    assert "trainers" not in (tmp_path / "c/Dockerfile").read_text()
    monkeypatch.delenv("nnUNet_extTrainer")
    with pytest.raises(SettingsError, match="Could not find the trainer class nnUNetTrainerOwn"):
        write_container(own_model, tmp_path / "d", ContainerSettings())
    assert not (tmp_path / "d").exists()


def test_a_folder_that_holds_more_than_trainers_is_refused(
    own_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_trainers, "MOST_FILES", 1)
    with pytest.raises(SettingsError, match="2 Python files, expected a folder of trainers alone"):
        write_container(own_model, tmp_path / "c", ContainerSettings())


def test_files_that_are_no_python_and_packages_from_elsewhere_are_refused(
    own_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "mine-1.0.dist-info").mkdir(parents=True)
    (site / "mine.py").touch()
    (site / "mine-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (site / "mine-1.0.dist-info/top_level.txt").write_text("mine\n")
    (site / "mine-1.0.dist-info/direct_url.json").write_text('{"url": "file:///mine", "dir_info": {}}')
    monkeypatch.syspath_prepend(str(site))
    other = tmp_path / "trainers/other.py"
    other.write_text("import mine")
    with pytest.raises(SettingsError, match="mine, which is installed from a folder"):
        write_container(own_model, tmp_path / "c", ContainerSettings())
    (site / "theirs-1.0.dist-info").mkdir()
    (site / "theirs.py").touch()
    about = "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\nRequires-Dist: mine\n"
    (site / "theirs-1.0.dist-info/METADATA").write_text(about)
    (site / "theirs-1.0.dist-info/top_level.txt").write_text("theirs\n")
    other.write_text("import theirs")
    with pytest.raises(SettingsError, match="mine, which is installed from a folder"):
        write_container(own_model, tmp_path / "c", ContainerSettings())
    other.write_text("def f(:")
    with pytest.raises(SettingsError, match=r"other\.py: .*expected Python"):
        write_container(own_model, tmp_path / "c", ContainerSettings())
    assert not (tmp_path / "c").exists()


def test_a_network_of_an_installed_module_is_refused(
    own_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = json.loads((own_model / "plans.json").read_text())
    plans["configurations"]["2d"]["architecture"]["network_class_name"] = "json.decoder.JSONDecoder"
    (own_model / "plans.json").write_text(json.dumps(plans))
    monkeypatch.setenv("nnUNet_allowed_modules", "json.decoder")
    with pytest.raises(SettingsError, match=r"of the module json\.decoder"):
        write_container(own_model, tmp_path / "c", ContainerSettings())


@pytest.mark.slow
def test_the_code_in_the_container_runs_without_the_rest_of_this_project(container: Path, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "in/images/any").mkdir(parents=True)
    Image.new("RGB", (20, 20), (200, 100, 150)).save(tmp_path / "in/images/any/a.png")
    program = ["-m", "nnunetv2.model_container.algorithm", "--model", str(container / "model"), "-device", "cpu"]
    places = ["--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(container / "package")}
    subprocess.run([sys.executable, *program, *places], env=environment, cwd=tmp_path, check=True)
    assert (tmp_path / "out/images/segmentation/a.mha").is_file()
