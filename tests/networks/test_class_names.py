import abc
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from nnunetv2.errors import SettingsError, UnknownNetworkError
from nnunetv2.networks.class_names import require_network_class, require_network_part

NETWORK = "import torch\n\n\nclass Net(torch.nn.Module):\n    class Inner(torch.nn.Identity):\n        pass\n"
DANGEROUS = [
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "torch.load",
    "torch.from_file",
    "torch.hub.load",
    "torch.hub.download_url_to_file",
    "torch.ops.load_library",
    "torch.os.system",
    "torch.nn.functional.torch.load",
    "torch.nn.functional.importlib.import_module",
    "torch.nn.functional.handle_torch_function",
    "torch.nn.functional.boolean_dispatch",
    "torch.nn.functional.Tensor",
    "torch.nn.functional.__builtins__",
    "torch.nn.init.warnings.warn",
    "torch.nn.parallel.DistributedDataParallel",
    "torch.nn.utils.parametrize.torch.load",
    "torch.nn.modules.module.torch.load",
    "torch.nn.modules.module.functools.partial",
    "torch.jit.ScriptModule",
    "torch.fx.GraphModule",
    "torch.utils.cpp_extension.load",
    "torch.distributed.nn.RemoteModule",
    "nnunetv2.paths.os.system",
    "nnunetv2.paths.EnvironmentPath",
    "nnunetv2.inference.predict_from_raw_data.multiprocessing.Process",
    "nnunetv2.foundation.safe_loading.safe_pickle.load_pickle",
    "dynamic_network_architectures.architectures.unet.torch.load",
    "dynamic_network_architectures.architectures.unet",
    "torch.nn",
]
NO_NAMES = ["", ".", "torch.nn.", "torch..nn", "torch.nn.ReLU()", "torch nn", "..nn", "\0", 7, None, ["torch.nn.ReLU"]]


@pytest.fixture
def ext_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("nnUNet_extTrainer", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("torch.nn.LeakyReLU", nn.LeakyReLU),
        ("torch.nn.modules.activation.LeakyReLU", nn.LeakyReLU),
        ("torch.nn.modules.conv.Conv3d", nn.Conv3d),
        ("torch.nn.functional.relu", nn.functional.relu),
        ("torch.nn.functional.gelu", nn.functional.gelu),
        ("torch.nn.init.kaiming_normal_", nn.init.kaiming_normal_),
        ("torch.relu", torch.relu),
    ],
)
def test_layers_and_functions_of_torch_are_found(name: str, expected: object) -> None:
    assert require_network_part(name, "nonlin") is expected


def test_building_blocks_of_the_architectures_are_found() -> None:
    name = "dynamic_network_architectures.building_blocks.residual.BottleneckD"
    assert require_network_part(name, "block").__name__ == "BottleneckD"


@pytest.mark.parametrize("name", DANGEROUS + NO_NAMES)
def test_everything_else_is_refused_with_entry_and_name(name: object) -> None:
    for look_up in (require_network_class, require_network_part):
        with pytest.raises(UnknownNetworkError) as caught:
            look_up(name, "nonlin")
        assert str(caught.value).startswith(f"plans: nonlin is {name!r}")


def test_a_function_is_no_network_class() -> None:
    with pytest.raises(UnknownNetworkError, match=r"expected a subclass of torch\.nn\.Module"):
        require_network_class("torch.nn.functional.relu", "network_class_name")


def test_nothing_outside_the_allowed_modules_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_nobody_allowed.py").write_text(f"{NETWORK}raise SystemExit('was run')")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UnknownNetworkError, match=r"module_nobody_allowed\.Net', which is not imported"):
        require_network_class("module_nobody_allowed.Net", "network_class_name")

    assert "module_nobody_allowed" not in sys.modules


@pytest.mark.parametrize(
    "value", ["{}", "other, {}", "other:{}.sub", "'{}'", " {}\r", "x;{}"], ids=lambda value: repr(value)
)
def test_modules_of_the_environment_variable_and_their_sub_modules_are_allowed(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package_of_a_test").mkdir()
    (tmp_path / "package_of_a_test" / "__init__.py").touch()
    (tmp_path / "package_of_a_test" / "sub.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("nnUNet_allowed_modules", value.format("package_of_a_test"))

    assert require_network_class("package_of_a_test.sub.Net", "network_class_name").__name__ == "Net"
    assert require_network_class("package_of_a_test.sub.Net.Inner", "network_class_name").__name__ == "Inner"
    with pytest.raises(UnknownNetworkError, match=r"'package_of_a_test_2\.sub\.Net', which is not imported"):
        require_network_class("package_of_a_test_2.sub.Net", "network_class_name")


def test_an_allowed_module_does_not_lead_to_functions_or_to_other_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_a_test.py").write_text(
        "import os\nfrom os import system\nfrom torch.nn import DataParallel, ReLU\n\n\ndef build(**_):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("nnUNet_allowed_modules", "module_of_a_test")

    for name in ("os", "os.system", "system", "build", "DataParallel", "missing"):
        with pytest.raises(UnknownNetworkError):
            require_network_part(f"module_of_a_test.{name}", "nonlin")
    assert require_network_part("module_of_a_test.ReLU", "nonlin") is nn.ReLU


def test_an_entry_of_the_variable_that_names_no_module_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_allowed_modules", "good, /a/folder")
    with pytest.raises(SettingsError, match="nnUNet_allowed_modules lists '/a/folder'"):
        require_network_class("good.Net", "network_class_name")


def test_files_beside_external_trainers_are_allowed(ext_folder: Path) -> None:
    (ext_folder / "networks_of_a_test.py").write_text(NETWORK)
    assert require_network_class("networks_of_a_test.Net", "network_class_name").__name__ == "Net"
    assert str(ext_folder) not in sys.path


def test_a_file_that_shares_its_name_with_a_loaded_module_opens_no_door_to_that(ext_folder: Path) -> None:
    (ext_folder / "abc.py").write_text(NETWORK)
    with pytest.raises(UnknownNetworkError, match="another module of this name is loaded"):
        require_network_class("abc.Net", "network_class_name")
    assert abc.__name__ == "abc"


def test_an_allowed_module_that_cannot_be_imported_is_named_with_the_reason(ext_folder: Path) -> None:
    (ext_folder / "broken_networks_of_a_test.py").write_text("import a_library_that_is_not_installed")
    with pytest.raises(UnknownNetworkError, match=r"cannot be imported .*a_library_that_is_not_installed"):
        require_network_class("broken_networks_of_a_test.Net", "network_class_name")
