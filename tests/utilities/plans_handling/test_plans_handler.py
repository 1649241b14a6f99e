import json
from copy import deepcopy

import pytest

from nnunetv2.errors import DriftError, InvalidValueError, SettingsError
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling import plans_handler
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from tests.factories.plans import make_architecture


def plans(**configurations):
    return {"plans_name": "P", "label_manager": "LabelManager", "configurations": configurations}


def configuration(**entries):
    return {"architecture": {"network_class_name": "N", "arch_kwargs": {"strides": [[1, 1], [2, 2]]}}, **entries}


def old_configuration(**changes):
    return {
        "batch_size": 2,
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 32,
        "n_conv_per_stage_encoder": [2, 2, 3],
        "n_conv_per_stage_decoder": [2, 1],
        "num_pool_per_axis": [2, 1],
        "pool_op_kernel_sizes": [[1, 1], [2, 2], [2, 1]],
        "conv_kernel_sizes": [[1, 3], [3, 3], [3, 3]],
        "unet_max_num_features": 100,
        "patch_size": [64, 64],
        **changes,
    }


def read_old(**changes):
    with pytest.warns(UserWarning, match="older than nnU-Net 2.3.1"):
        return ConfigurationManager(old_configuration(**changes))


class TestPlansManager:
    def test_a_dict_is_referenced_and_a_file_read(self, tmp_path):
        content = plans(a=configuration())
        file = tmp_path / "plans.json"
        file.write_text(json.dumps(content))

        assert PlansManager(content).plans is content
        assert PlansManager(file).plans == PlansManager(str(file)).plans == content
        assert repr(PlansManager(content)) == repr(content)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="plans file not found"):
            PlansManager(str(tmp_path / "none.json"))

    def test_properties_are_the_entries(self):
        entries = {
            "dataset_name": "Dataset001_X",
            "plans_name": "P",
            "original_median_spacing_after_transp": [1.0, 2.0, 3.0],
            "original_median_shape_after_transp": [1, 2, 3],
            "transpose_forward": [1, 0, 2],
            "transpose_backward": [1, 0, 2],
        }
        manager = PlansManager({**entries, "experiment_planner_used": "E"})

        assert {name: getattr(manager, name) for name in entries} == entries
        assert manager.experiment_planner_name == "E"

    def test_a_missing_entry_is_a_key_error_that_reads_as_a_sentence(self):
        with pytest.raises(KeyError) as caught:
            _ = PlansManager(plans()).dataset_name

        assert isinstance(caught.value, DriftError)
        assert str(caught.value).startswith("plans (P) has no entry 'dataset_name'; it has plans_name")

    def test_intensities_are_also_read_under_their_old_name(self):
        new, old = {"0": {"mean": 1.0}}, {"0": {"mean": 2.0}}
        both = {
            "foreground_intensity_properties_by_modality": old,
            "foreground_intensity_properties_per_channel": new,
        }

        assert PlansManager(both).foreground_intensity_properties_per_channel is new
        del both["foreground_intensity_properties_per_channel"]
        assert PlansManager(both).foreground_intensity_properties_per_channel is old

    def test_the_label_manager_gets_labels_order_and_keywords(self):
        content = {"labels": {"background": 0, "a": [1, 2], "b": 2}, "regions_class_order": [1, 2]}

        assert PlansManager(plans()).get_label_manager(content).all_regions == [(1, 2), 2]
        assert not PlansManager(plans()).get_label_manager(content, force_use_labels=True).has_regions

    def test_without_a_label_manager_the_default_is_used(self):
        assert PlansManager({}).label_manager_class is LabelManager

    def test_an_unknown_label_manager_is_a_clear_error(self):
        with pytest.raises(RuntimeError, match="no label manager named 'Nope'"):
            _ = PlansManager({"label_manager": "Nope"}).label_manager_class

    def test_an_unknown_planner_is_none(self):
        assert PlansManager({"experiment_planner_used": "Nope"}).experiment_planner_class is None

    def test_readers_are_found_by_name(self):
        from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

        manager = PlansManager({"image_reader_writer": "NaturalImage2DIO"})

        assert manager.image_reader_writer_class is NaturalImage2DIO
        with pytest.raises(RuntimeError, match="Nope"):
            _ = PlansManager({"image_reader_writer": "Nope"}).image_reader_writer_class

    def test_the_finder_may_be_replaced_in_this_module(self, monkeypatch):
        monkeypatch.setattr(plans_handler, "recursive_find_python_class", lambda *arguments: arguments[1:])
        monkeypatch.setattr(plans_handler, "get_labelmanager_class_from_plans", lambda _: int)

        manager = PlansManager({"experiment_planner_used": "Mine"})

        assert manager.experiment_planner_class == ("Mine", "nnunetv2.experiment_planning")
        assert manager.label_manager_class is int
        found = ConfigurationManager(configuration(preprocessor_name="Mine")).preprocessor_class
        assert found == ("Mine", "nnunetv2.preprocessing")


class TestConfigurations:
    def test_the_same_object_comes_back_for_a_name(self):
        manager = PlansManager(plans(a=configuration(batch_size=2)))

        manager.get_configuration("a").configuration["batch_size"] = 9

        assert manager.get_configuration("a").batch_size == 9
        assert manager.plans["configurations"]["a"]["batch_size"] == 2

    def test_an_unknown_name_is_an_error_that_lists_the_others(self):
        with pytest.raises(
            RuntimeError, match=r"Configuration c not found in plans P\. Available configurations: a, b"
        ):
            PlansManager(plans(a=configuration(), b=configuration())).get_configuration("c")

    def test_inheritance_goes_over_several_levels_and_replaces_whole_entries(self):
        manager = PlansManager(
            plans(
                a=configuration(batch_size=2, patch_size=[4, 4], next_stage="x"),
                b={"inherits_from": "a", "batch_size": 3},
                c={"inherits_from": "b", "architecture": {"network_class_name": "M"}},
            )
        )

        resolved = manager.get_configuration("c")

        assert resolved.configuration == {
            "architecture": {"network_class_name": "M"},
            "batch_size": 3,
            "patch_size": [4, 4],
            "next_stage": "x",
            "inherits_from": "b",
        }
        assert resolved.next_stage_names == ["x"]
        assert manager.available_configurations == ["a", "b", "c"]

    def test_changing_an_heir_leaves_its_parent_alone(self):
        manager = PlansManager(plans(a=configuration(patch_size=[4, 4]), b={"inherits_from": "a"}))

        manager.get_configuration("b").patch_size[0] = 8

        assert manager.get_configuration("a").patch_size == [4, 4]

    @pytest.mark.parametrize(
        "circle",
        [
            {"a": {"inherits_from": "a"}},
            {"a": {"inherits_from": "b"}, "b": {"inherits_from": "a"}},
            {"a": {"inherits_from": "b"}, "b": {"inherits_from": "c"}, "c": {"inherits_from": "b"}},
        ],
    )
    def test_circles_are_runtime_errors(self, circle):
        with pytest.raises(RuntimeError, match="circular inherits_from: a -> "):
            PlansManager(plans(**circle)).get_configuration("a")

    def test_an_unknown_parent_is_a_value_error(self):
        with pytest.raises(ValueError, match="a inherits from q, which does not exist"):
            PlansManager(plans(a={"inherits_from": "q"})).get_configuration("a")

    def test_copies_are_independent(self):
        manager = PlansManager(plans(a=configuration(batch_size=2)))
        manager.get_configuration("a")

        copied = deepcopy(manager)
        copied.get_configuration("a").configuration["batch_size"] = 9

        assert manager.get_configuration("a").batch_size == 2

    def test_properties_are_the_entries(self):
        entries = {
            "data_identifier": "P_2d",
            "preprocessor_name": "DefaultPreprocessor",
            "batch_size": 2,
            "patch_size": [64, 64],
            "median_image_size_in_voxels": [50.5, 60.0],
            "spacing": [1.0, 1.0],
            "normalization_schemes": ["ZScoreNormalization"],
            "use_mask_for_norm": [False],
            "batch_dice": True,
        }
        manager = ConfigurationManager(configuration(**entries))

        assert {name: getattr(manager, name) for name in entries} == entries
        assert manager.network_arch_class_name == "N"
        assert manager.network_arch_init_kwargs == {"strides": [[1, 1], [2, 2]]}
        assert manager.pool_op_kernel_sizes == [[1, 1], [2, 2]]
        assert repr(manager) == repr(manager.configuration)

    def test_properties_cannot_be_set(self):
        with pytest.raises(AttributeError):
            ConfigurationManager(configuration()).batch_size = 3

    def test_a_missing_entry_is_a_key_error(self):
        with pytest.raises(KeyError, match="no entry 'batch_dice'"):
            _ = ConfigurationManager(configuration()).batch_dice
        with pytest.raises(KeyError, match="'_kw_requires_import'"):
            _ = ConfigurationManager(configuration()).network_arch_init_kwargs_req_import

    @pytest.mark.parametrize(("stored", "names"), [("a", ["a"]), (["a", "b"], ["a", "b"]), (None, None)])
    def test_one_next_stage_becomes_a_list(self, stored, names):
        entries = {} if stored is None else {"next_stage": stored}

        assert ConfigurationManager(configuration(**entries)).next_stage_names == names

    def test_the_previous_stage_is_none_if_there_is_none(self):
        assert ConfigurationManager(configuration()).previous_stage_name is None
        assert ConfigurationManager(configuration(previous_stage="low")).previous_stage_name == "low"

    def test_an_unknown_preprocessor_is_none(self):
        assert ConfigurationManager(configuration(preprocessor_name="Nope")).preprocessor_class is None

    def test_resampling_functions_carry_their_stored_arguments(self, monkeypatch):
        from nnunetv2.preprocessing.resampling import utils

        monkeypatch.setattr(
            utils, "recursive_find_python_class", lambda *arguments: lambda *a, **k: (arguments[1], a, k)
        )
        stored = {f"resampling_fn_{part}": f"fn_{part}" for part in ("data", "seg", "probabilities")}
        arguments = {f"{key}_kwargs": {"is_seg": key.endswith("seg")} for key in stored}
        manager = ConfigurationManager(configuration(**stored, **arguments))

        assert manager.resampling_fn_data(1, 2, 3, 4) == ("fn_data", (1, 2, 3, 4), {"is_seg": False})
        assert manager.resampling_fn_seg(1) == ("fn_seg", (1,), {"is_seg": True})
        assert manager.resampling_fn_probabilities(1) == ("fn_probabilities", (1,), {"is_seg": False})

    def test_an_unknown_resampling_function_is_a_runtime_error(self):
        manager = ConfigurationManager(configuration(resampling_fn_data="Nope", resampling_fn_data_kwargs={}))

        with pytest.raises(RuntimeError, match="Nope"):
            _ = manager.resampling_fn_data

    @pytest.mark.parametrize(
        ("strides", "each", "halved"),
        [
            (2, [[2, 2], [2, 2]], [2, 2]),
            ([1, 2], [[1, 1], [2, 2]], [1, 1]),
            ([1, [4, 2]], [[1, 1], [4, 2]], [2, 1]),
        ],
    )
    def test_strides_that_stand_for_all_stages_or_axes_are_spelled_out(self, strides, each, halved):
        architecture = {"arch_kwargs": {"n_stages": 2, "strides": strides}}
        manager = ConfigurationManager({"architecture": architecture, "patch_size": [64, 64]})

        assert manager.pool_op_kernel_sizes == each
        assert manager.num_pool_per_axis == halved

    @pytest.mark.parametrize(
        "strides", [None, [[1], [2, 2]], [None, [2, 2]], [[[1, 1], [2, 2]]], [[1, 1], [2, 2, 2]], [1, [2, 2, 2]], "12"]
    )
    def test_strides_of_an_unknown_network_that_are_none_are_named(self, strides):
        architecture = {"network_class_name": "x", "arch_kwargs": {"n_stages": 2, "strides": strides}}
        manager = ConfigurationManager({"architecture": architecture, "patch_size": [64, 64]})

        with pytest.raises(InvalidValueError, match=r"architecture\.arch_kwargs\.strides"):
            _ = manager.num_pool_per_axis

    def test_stages_without_end_are_not_spelled_out(self):
        architecture = {"network_class_name": "x", "arch_kwargs": {"n_stages": 10**12, "strides": 2}}
        manager = ConfigurationManager({"architecture": architecture, "patch_size": [64, 64]})

        with pytest.raises(InvalidValueError, match=r"arch_kwargs\.n_stages"):
            _ = manager.pool_op_kernel_sizes


class TestOldPlans:
    def test_the_architecture_is_built_from_the_old_entries(self):
        manager = read_old()

        assert manager.configuration == {
            "batch_size": 2,
            "patch_size": [64, 64],
            "architecture": make_architecture(
                2,
                (32, 64, 100),
                kernel_sizes=[[1, 3], [3, 3], [3, 3]],
                strides=[[1, 1], [2, 2], [2, 1]],
                n_conv_per_stage=[2, 2, 3],
                n_conv_per_stage_decoder=[2, 1],
            ),
        }

    def test_residual_networks_have_blocks_and_the_patch_tells_the_dimensions(self):
        manager = read_old(UNet_class_name="ResidualEncoderUNet", patch_size=[8, 8, 8])

        assert manager.network_arch_init_kwargs["n_blocks_per_stage"] == [2, 2, 3]
        assert manager.network_arch_init_kwargs["conv_op"].endswith("Conv3d")
        assert manager.network_arch_class_name.endswith("residual_unet.ResidualEncoderUNet")

    @pytest.mark.parametrize("network", ["PlainConvUNet", "ResidualEncoderUNet"])
    def test_the_old_properties_still_work(self, network):
        expected = old_configuration(UNet_class_name=network)

        manager = read_old(UNet_class_name=network)

        assert {key: getattr(manager, key) for key in expected} == expected

    def test_old_entries_may_be_inherited(self):
        with pytest.warns(UserWarning, match="older"):
            heir = PlansManager(plans(a=old_configuration(), b={"inherits_from": "a"})).get_configuration("b")

        assert heir.network_arch_init_kwargs["n_stages"] == 3

    def test_an_architecture_wins_over_old_entries(self):
        manager = ConfigurationManager(old_configuration(**configuration()))

        assert manager.network_arch_class_name == "N"
        assert manager.configuration["UNet_class_name"] == "PlainConvUNet"

    def test_a_missing_old_entry_is_a_key_error_naming_it(self):
        content = old_configuration()
        del content["num_pool_per_axis"]

        with pytest.warns(UserWarning, match="older"), pytest.raises(KeyError, match="lacks num_pool_per_axis"):
            ConfigurationManager(content)

    def test_a_missing_old_entry_is_named_with_the_file(self):
        content = old_configuration()
        del content["num_pool_per_axis"]

        with pytest.warns(UserWarning, match="older"), pytest.raises(KeyError) as caught:
            ConfigurationManager(content, "folder/nnUNetPlans.json")
        assert str(caught.value).startswith("folder/nnUNetPlans.json: a configuration needs")

    def test_another_network_is_a_runtime_error(self):
        with pytest.warns(UserWarning, match="older"), pytest.raises(RuntimeError, match="UNet_class_name is 'Foo'"):
            ConfigurationManager(old_configuration(UNet_class_name="Foo"))


class TestNames:
    """Names that lead to something else than they have to."""

    @pytest.mark.parametrize("name", ["Path", "os", "Any", "__builtins__", "BaseReaderWriter", "NoSuchReader"])
    def test_only_readers_are_readers(self, name, tmp_path):
        file = tmp_path / "plans.json"
        file.write_text(json.dumps({"image_reader_writer": name}))

        with pytest.raises(SettingsError, match=f"^{file}: image_reader_writer: .*{name!r}"):
            _ = PlansManager(file).image_reader_writer_class

    @pytest.mark.parametrize("name", ["np", "Any", "Sequence", "DatasetLayoutError", 5])
    def test_only_label_managers_are_label_managers(self, name):
        manager = PlansManager({"label_manager": name, "dataset_name": "Dataset001_A", "plans_name": "P"})

        with pytest.raises(SettingsError, match=rf"^plans \(Dataset001_A, P\): label_manager: .*{name!r}"):
            _ = manager.label_manager_class

    @pytest.mark.parametrize("name", ["os", "Path", "Any", "Case", "ImageNormalization", "compute_new_shape", 5, None])
    def test_nothing_else_is_a_preprocessor_or_a_planner(self, name):
        assert ConfigurationManager(configuration(preprocessor_name=name)).preprocessor_class is None
        assert PlansManager({"experiment_planner_used": name}).experiment_planner_class is None

    @pytest.mark.parametrize(
        ("name", "keywords"),
        [
            ("Callable", {}),
            ("np", {}),
            ("recursive_find_python_class", {}),
            ("compute_new_shape", {}),
            ("resample_data_or_seg_to_shape", {"no_such_keyword": 1}),
            (5, {}),
        ],
    )
    def test_only_functions_that_resample_do(self, name, keywords):
        manager = ConfigurationManager(configuration(resampling_fn_seg=name, resampling_fn_seg_kwargs=keywords))

        with pytest.raises(SettingsError, match=r"^plans: resampling_fn_seg: "):
            _ = manager.resampling_fn_seg
