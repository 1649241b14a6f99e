import sys
import textwrap
from os.path import join

import pytest

import nnunetv2
from nnunetv2.errors import SettingsError
from nnunetv2.utilities.find_class_by_name import (
    describe_failed_imports,
    recursive_find_python_class,
    require_by_name,
)
from nnunetv2.utilities.label_handling.label_handling import LabelManager


@pytest.fixture
def package(tmp_path):
    """A folder for modules; those that are loaded from it are unloaded afterwards."""
    loaded = set(sys.modules)
    yield tmp_path
    for name in sys.modules.keys() - loaded:
        del sys.modules[name]


def write(folder, name, source):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source))
    return file


def find_external(folder, name):
    return recursive_find_python_class(
        str(folder), name, None, base_folder=str(folder), cleanup_imports_from_base_folder=True
    )


def test_a_class_is_found_in_a_module_and_in_a_sub_package(package):
    write(package, "drift_first.py", "class Flat: pass")
    write(package, "drift_sub/__init__.py", "")
    write(package, "drift_sub/inner.py", "class Deep: pass")

    assert recursive_find_python_class(str(package), "Flat", "").__module__ == "drift_first"
    assert recursive_find_python_class(str(package), "Deep", None).__module__ == "drift_sub.inner"


def test_a_folder_without_init_is_not_entered(package):
    write(package, "drift_plain/inner.py", "class Deep: pass")

    assert recursive_find_python_class(str(package), "Deep", None) is None


def test_modules_come_before_sub_packages_and_both_in_alphabetical_order(package):
    for name in ("drift_z.py", "drift_y.py", "drift_a/inner.py"):
        write(package, name, "class Many: pass")
    write(package, "drift_a/__init__.py", "")

    assert recursive_find_python_class(str(package), "Many", None).__module__ == "drift_y"


def test_functions_and_imported_names_count(package):
    write(package, "drift_names.py", "from collections import OrderedDict\ndef compute(): return 3")

    assert recursive_find_python_class(str(package), "OrderedDict", None).__module__ == "collections"
    assert recursive_find_python_class(str(package), "compute", None)() == 3


def test_a_name_that_no_source_spells_out_is_still_found(package):
    write(package, "drift_made.py", "globals()['Ma' + 'de'] = int")

    assert recursive_find_python_class(str(package), "Made", None) is int


def test_unrelated_modules_are_not_imported(package):
    write(package, "drift_a_other.py", "raise SystemExit('imported without need')")
    write(package, "drift_wanted.py", "class Wanted: pass")

    assert recursive_find_python_class(str(package), "Wanted", None).__name__ == "Wanted"
    assert "drift_a_other" not in sys.modules


@pytest.mark.parametrize(
    "source", ["import drift_no_such_package", "def broken(:", "1 / 0", "raise SystemExit(3)", "x = undefined"]
)
def test_a_broken_module_does_not_hide_others_and_is_remembered(package, source):
    broken = write(package, "drift_broken.py", f"# Wanted\n{source}\n")
    write(package, "drift_whole.py", "class Wanted: pass")

    assert recursive_find_python_class(str(package), "Wanted", None).__module__ == "drift_whole"
    assert f"  {broken}: " in describe_failed_imports(str(package))


def test_a_repaired_module_is_found_and_no_longer_reported(package):
    file = write(package, "drift_mended.py", "import drift_no_such_package\nclass Wanted: pass")
    assert recursive_find_python_class(str(package), "Wanted", None) is None
    assert "No module named 'drift_no_such_package'" in describe_failed_imports(str(package))

    file.write_text("class Wanted: pass")

    assert recursive_find_python_class(str(package), "Wanted", None).__name__ == "Wanted"
    assert describe_failed_imports(str(package)) == ""


def test_not_found_is_not_remembered(package):
    assert recursive_find_python_class(str(package), "Later", None) is None

    write(package, "drift_later.py", "class Later: pass")

    assert recursive_find_python_class(str(package), "Later", None).__name__ == "Later"


def test_the_folder_is_on_the_search_path_only_during_the_search(package):
    write(package, "drift_helper.py", "VALUE = 5")
    write(package, "drift_user.py", "from drift_helper import VALUE\nclass User: value = VALUE")
    before = list(sys.path)

    assert recursive_find_python_class(str(package), "User", None).value == 5
    assert sys.path == before


def test_two_external_folders_may_hold_modules_of_one_name(package):
    for number in (1, 2):
        write(package / str(number), "drift_common.py", f"NUMBER = {number}")
        write(package / str(number), "drift_same.py", "from drift_common import NUMBER\nclass Found: number = NUMBER")

    numbers = [find_external(package / str(number), "Found").number for number in (1, 2)]

    assert numbers == [1, 2]
    assert not [name for name in sys.modules if name.startswith("drift_")]


def test_modules_loaded_before_an_external_search_stay_loaded(package, monkeypatch):
    write(package, "drift_loaded.py", "class Found: pass")
    monkeypatch.syspath_prepend(str(package))
    import drift_loaded

    assert find_external(package, "Found") is drift_loaded.Found
    assert sys.modules["drift_loaded"] is drift_loaded


def test_an_external_file_hidden_by_a_loaded_module_is_reported(package):
    write(package, "textwrap.py", "class Found: pass")

    assert find_external(package, "Found") is None
    assert "another module of this name is loaded" in describe_failed_imports(str(package))


def test_verbose_searches_name_the_modules(package, capsys):
    write(package, "drift_spoken.py", "class Found: pass")

    recursive_find_python_class(str(package), "Found", None, verbose=True)

    assert "looking for Found in drift_spoken" in capsys.readouterr().err


def test_classes_of_the_package_keep_their_module_name():
    folder = join(nnunetv2.__path__[0], "utilities", "label_handling")

    assert recursive_find_python_class(folder, "LabelManager", "nnunetv2.utilities.label_handling") is LabelManager


def test_a_required_class_is_found_or_its_absence_explained():
    package = "nnunetv2.utilities.label_handling"

    assert require_by_name(package, "LabelManager", "label manager") is LabelManager
    with pytest.raises(SettingsError, match=r"^no label manager named 'No' in nnunetv2\.utilities\.label_handling$"):
        require_by_name(package, "No", "label manager")


def test_a_required_class_is_looked_for_with_the_finder_of_the_caller():
    found = require_by_name("nnunetv2.imageio", "Mine", "reader", lambda *arguments: arguments)

    assert found[0].endswith("imageio")
    assert found[1:] == ("Mine", "nnunetv2.imageio")
