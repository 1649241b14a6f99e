import numpy as np
import pytest

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.case import Case, check_plane, crop_case, in_axis_order, requiring_voxels


def volume() -> np.ndarray:
    data = np.zeros((2, 4, 5, 6), np.float32)
    data[:, 1:3, 2:, :4] = 7
    return data


def test_spatial_axes_come_in_the_order_of_the_plans() -> None:
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    turned = in_axis_order(data, [2, 0, 1])
    assert turned.shape == (2, 5, 3, 4)
    assert np.shares_memory(turned, data)
    np.testing.assert_array_equal(turned, np.moveaxis(data, 3, 1))


def test_cropping_notes_the_box_and_the_shapes() -> None:
    case = Case(volume(), np.ones((1, 4, 5, 6)), {})
    crop_case(case)
    assert case.data.shape == (2, 2, 3, 4)
    assert case.seg.shape == (1, 2, 3, 4)
    assert case.properties == {
        "shape_before_cropping": (4, 5, 6),
        "bbox_used_for_cropping": [[1, 3], [2, 5], [0, 4]],
        "shape_after_cropping_and_before_resampling": (2, 3, 4),
    }


def test_without_labels_cropping_makes_a_mask() -> None:
    data = volume()
    data[:, 1, 2, 0] = 0
    case = Case(data, None, {})
    crop_case(case)
    assert case.seg.shape == (1, 2, 3, 4)
    assert np.argwhere(case.seg == -1).tolist() == [[0, 0, 0, 0]]


class TestRequiringVoxels:
    @staticmethod
    def run(new_shape: tuple[int, int, int], result: tuple[int, ...], error: Exception | None = None) -> None:
        case = Case(volume(), None, {"shape_after_cropping_and_before_resampling": (4, 5, 6)})
        with requiring_voxels(case, np.array(new_shape), [1, 1, 1], [9, 1, 1]):
            if error is not None:
                raise error
            case.data = np.zeros(result)

    def test_a_result_with_voxels_passes(self) -> None:
        self.run((0, 5, 6), (2, 4, 5, 6))

    @pytest.mark.parametrize("error", [None, ValueError("no samples")])
    def test_an_empty_result_and_errors_because_of_it_are_explained(self, error: Exception | None) -> None:
        with pytest.raises(UnfitImageError, match=r"shape \(4, 5, 6\) .* 1 x 1 x 1, .* \(0, 5, 6\) .* 9 x 1 x 1$"):
            self.run((0, 5, 6), (2, 0, 5, 6), error)

    def test_other_errors_pass(self) -> None:
        with pytest.raises(ValueError, match="another reason"):
            self.run((1, 5, 6), (), ValueError("another reason"))


class TestCheckPlane:
    @pytest.mark.parametrize(
        ("shape", "axes_of_patch"), [((1, 5, 6), 2), ((4, 5, 6), 2), ((4, 5, 1), 3), ((1, 5, 1), 2)]
    )
    def test_slices_in_the_plane_of_the_plans_and_volumes_pass(
        self, shape: tuple[int, ...], axes_of_patch: int
    ) -> None:
        check_plane(Case(np.zeros((2, *shape)), None, {}), [0, 1, 2], axes_of_patch)

    def test_a_single_slice_in_another_plane_is_refused_with_the_shape_as_stored(self) -> None:
        stored = np.zeros((2, 1, 5, 6))
        case = Case(in_axis_order(stored, [2, 0, 1]), None, {})
        with pytest.raises(UnfitImageError, match=r"shape \(1, 5, 6\), a single slice along axis 0 .* along axis 2;"):
            check_plane(case, [2, 0, 1], 2)
