import sys
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2.errors import CallError
from nnunetv2.inference.predict_cases import RunningCase
from nnunetv2.inference.predict_tiles import TileWork, predicted_tiles
from nnunetv2.inference.tile_accumulation import InvalidLogitsError, TileSum
from tests.factories.models import CPU, hand_made_predictor


class Positions(nn.Module):
    """Returns for tile x (row i, column j) the channels x + i, 2x + j, i * j."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(x.shape[2], dtype=x.dtype)[:, None].expand(x.shape[2:])
        columns = torch.arange(x.shape[3], dtype=x.dtype).expand(x.shape[2:])
        return torch.stack([x[0, 0] + rows, 2 * x[0, 0] + columns, rows * columns])[None]


class Constant(nn.Module):
    """Returns `value` in channel 1 and 0 in channel 0."""

    def __init__(self, value: float):
        super().__init__()
        self.value = value
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        prediction = torch.zeros((1, 2, *x.shape[2:]))
        prediction[:, 1] = self.value
        return prediction


IMAGE = torch.arange(35.0).reshape(1, 1, 5, 7)
MIRRORED = [
    [1.4736328125, 2.5, 3.5, 4.5, 5.5, 6.5, 7.50390625],
    [15.5, 16.5, 17.515625, 18.5, 19.5, 20.515625, 21.5],
]


@pytest.mark.parametrize(
    ("axes", "gaussian", "rows_of_channel_0", "channel_2_row_4"),
    [
        (
            None,
            True,
            [range(7), [15.8828125, 16.875, 17.890625, 18.875, 19.890625, 20.890625, 21.890625]],
            [0, 2.96484375, 5.8046875, 8.125, 9.875, 12.1953125, 15],
        ),
        (None, False, [range(7), np.arange(15.5, 22)], [0, 1.5, 4.5, 7.5, 10.5, 13.5, 15]),
        ((0,), True, MIRRORED, [0, 1.482421875, 2.90234375, 4.0625, 4.9375, 6.09765625, 7.5]),
        ((0, 1), True, MIRRORED, [3.75, 3.75, 3.75, 3.748046875, 3.748046875, 3.75, 3.75]),
    ],
)
def test_logits_equal_the_reference_values_to_the_last_bit(axes, gaussian, rows_of_channel_0, channel_2_row_4) -> None:
    predictor = hand_made_predictor(Positions(), [4, 6], use_gaussian=gaussian)
    predictor.allowed_mirroring_axes = axes
    logits = predictor.predict_sliding_window_return_logits(IMAGE)
    assert logits.dtype == torch.half
    assert logits.shape == (3, 1, 5, 7)
    np.testing.assert_array_equal(logits[0, 0, [0, 2]].numpy(), np.stack([np.array(row) for row in rows_of_channel_0]))
    np.testing.assert_array_equal(logits[2, 0, 4].numpy(), channel_2_row_4)


def test_an_image_smaller_than_the_patch_is_padded_and_cropped() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])
    logits = predictor.predict_sliding_window_return_logits(torch.arange(6.0).reshape(1, 1, 2, 3))
    np.testing.assert_array_equal(logits[0, 0].numpy(), [[1, 2, 3.001953125], [5, 6, 7]])
    np.testing.assert_array_equal(logits[1, 0].numpy(), [[1, 4, 7], [7, 10, 13]])


def test_without_mirroring_axes_nothing_is_mirrored() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])
    plain = predictor.predict_sliding_window_return_logits(IMAGE)
    predictor.allowed_mirroring_axes = ()
    assert torch.equal(predictor.predict_sliding_window_return_logits(IMAGE), plain)


def test_a_mirroring_axis_that_the_patch_lacks_is_refused() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])
    predictor.allowed_mirroring_axes = (2,)
    with pytest.raises(AssertionError, match="mirroring axes"):
        predictor.predict_sliding_window_return_logits(IMAGE)


@pytest.mark.parametrize("image", [np.zeros((1, 1, 5, 7), np.float32), torch.zeros(1, 5, 7)])
def test_other_inputs_than_4d_tensors_are_refused(image: object) -> None:
    with pytest.raises(CallError, match="4D"):
        hand_made_predictor(Positions(), [4, 6]).predict_sliding_window_return_logits(image)


def test_logits_whose_sum_overflows_half_precision_are_summed_in_float32() -> None:
    predictor = hand_made_predictor(Constant(20000.0), [4, 6], heads=2)
    logits = predictor.predict_sliding_window_return_logits(IMAGE)
    assert logits.dtype == torch.half
    torch.testing.assert_close(logits[1], torch.full((1, 5, 7), 20000.0).half())


def test_logits_beyond_half_precision_stay_float32() -> None:
    predictor = hand_made_predictor(Constant(1e6), [4, 6], heads=2)
    logits = predictor.predict_sliding_window_return_logits(IMAGE)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits[1], torch.full((1, 5, 7), 1e6))


@pytest.mark.parametrize(("value", "message"), [(float("nan"), "NaN"), (float("inf"), "infinite")])
def test_a_network_that_predicts_nan_or_infinity_is_reported(value: float, message: str) -> None:
    predictor = hand_made_predictor(Constant(value), [4, 6], heads=2)
    with pytest.raises(InvalidLogitsError, match=message) as caught:
        predictor.predict_sliding_window_return_logits(IMAGE)
    assert isinstance(caught.value, RuntimeError)


def test_folds_are_averaged_in_half_precision() -> None:
    predictor = hand_made_predictor(Constant(0), [4, 6], heads=2)
    values = iter([1.0, 2.0, 4.5])

    def answer(data: torch.Tensor) -> torch.Tensor:
        return torch.full((2, *data.shape[1:]), next(values)).half()

    predictor.predict_sliding_window_return_logits = answer
    predictor.list_of_parameters = [predictor.network.state_dict()] * 3
    logits = predictor.predict_logits_from_preprocessed_data(IMAGE)
    assert logits.dtype == torch.half
    assert logits[0, 0, 0, 0] == torch.tensor(7.5).half() / 3


def test_a_sum_of_folds_that_overflows_is_done_in_float32() -> None:
    predictor = hand_made_predictor(Constant(0), [4, 6], heads=2)
    predictor.predict_sliding_window_return_logits = lambda data: torch.full((2, 1, 5, 7), 40000.0).half()
    predictor.list_of_parameters = [predictor.network.state_dict()] * 2
    assert torch.equal(predictor.predict_logits_from_preprocessed_data(IMAGE), torch.full((2, 1, 5, 7), 40000.0))


def test_without_parameters_there_are_no_folds_to_predict() -> None:
    predictor = hand_made_predictor(Constant(0), [4, 6], heads=2)
    predictor.list_of_parameters = []
    assert predictor.predict_logits_from_preprocessed_data(IMAGE) is None
    predictor.list_of_parameters = None
    with pytest.raises(TypeError):
        predictor.predict_logits_from_preprocessed_data(IMAGE)


def test_memory_errors_on_the_device_lead_to_a_retry_on_the_cpu() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])
    tries: list[bool] = []

    def predict(data: torch.Tensor, slicers: list, do_on_device: bool = True) -> torch.Tensor:
        tries.append(do_on_device)
        if do_on_device:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return torch.zeros((3, *data.shape[1:])).half()

    predictor._internal_predict_sliding_window_return_logits = predict
    predictor.perform_everything_on_device = True
    predictor.device = torch.device("meta")
    predictor.predict_sliding_window_return_logits(IMAGE)
    assert tries == [True, False]


def test_other_errors_on_the_device_are_not_retried() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])

    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("expected 3 channels, got 4")

    predictor._internal_predict_sliding_window_return_logits = fail
    predictor.perform_everything_on_device = True
    predictor.device = torch.device("meta")
    with pytest.raises(RuntimeError, match="channels"):
        predictor.predict_sliding_window_return_logits(IMAGE)


def test_a_bar_that_replaces_tqdm_sees_every_tile_and_can_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunetv2.inference import predict_from_raw_data

    updates: list[int] = []

    class Cancelling:
        def __init__(self, iterable: object = None, *_: object, **settings: object):
            self.total = settings["total"]

        def __enter__(self) -> "Cancelling":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def update(self, n: int = 1) -> None:
            updates.append(n)
            if len(updates) == 3:
                raise InterruptedError("stopped by the user")

    monkeypatch.setattr(predict_from_raw_data, "tqdm", Cancelling)
    predictor = hand_made_predictor(Positions(), [4, 6])
    with pytest.raises(InterruptedError, match="stopped by the user"):
        predictor.predict_sliding_window_return_logits(IMAGE)
    assert updates == [1, 1, 1]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_bar_is_drawn_rarely_in_a_log_file(capsys, monkeypatch, is_terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    predictor = hand_made_predictor(Positions(), [4, 6])
    predictor.allow_tqdm = True
    predict = predictor._internal_maybe_mirror_and_predict
    predictor._internal_maybe_mirror_and_predict = lambda x: (time.sleep(0.12), predict(x))[1]
    predictor.predict_sliding_window_return_logits(IMAGE)
    states = capsys.readouterr().err.split("\r")[1:]
    assert (len(states) > 2) == is_terminal
    assert states[-1].startswith("100%")


def test_an_overridden_tile_prediction_is_reached_from_outside() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])
    predictor._internal_maybe_mirror_and_predict = lambda x: torch.full((1, 3, *x.shape[2:]), 2.0)
    assert torch.all(predictor.predict_sliding_window_return_logits(IMAGE) == 2)


def test_two_dimensional_models_predict_volumes_slice_by_slice() -> None:
    predictor = hand_made_predictor(Positions(), [4, 6])
    volume = torch.stack([IMAGE[0, 0], IMAGE[0, 0] + 100])[None]
    logits = predictor.predict_sliding_window_return_logits(volume)
    assert logits.shape == (3, 2, 5, 7)
    assert torch.equal(logits[:, :1], predictor.predict_sliding_window_return_logits(IMAGE))


def test_the_old_name_of_perform_everything_on_device_is_accepted() -> None:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    assert nnUNetPredictor(perform_everything_on_gpu=False).perform_everything_on_device is False
    assert nnUNetPredictor(device=CPU, perform_everything_on_gpu=True).perform_everything_on_device is False


def test_background_work_is_polled_at_every_tile_of_a_case_and_only_there() -> None:
    calls: list[int] = []
    predictor = hand_made_predictor(Positions(), [4, 6])
    predictor._predict_case(IMAGE, RunningCase("a", lambda: calls.append(1)))
    assert len(calls) == 4
    predictor.predict_sliding_window_return_logits(IMAGE)
    assert len(calls) == 4


class TilesFromSomewhere:
    """Reads tiles as a slide does: there is no array of the whole."""

    def __init__(self, image: torch.Tensor):
        self._image = image
        self.read: list[Any] = []

    def __getitem__(self, where: Any) -> torch.Tensor:
        self.read.append(where)
        return self._image[where].clone()


@pytest.mark.parametrize("step", [0.3, 0.5, 1.0])
def test_sums_over_bands_of_an_image_equal_the_sum_over_all_of_it_to_the_last_bit(step: float) -> None:
    image = torch.randn((1, 1, 37, 23), generator=torch.Generator().manual_seed(1))
    predictor = hand_made_predictor(nn.Conv2d(1, 3, 3, padding=1), [8, 6], tile_step_size=step)
    slicers = predictor._internal_get_sliding_window_slicers(image.shape[1:])
    with torch.inference_mode():
        whole = predictor._internal_predict_sliding_window_return_logits(image, slicers, False)
        weights = predictor._tile_weights(CPU)
        work = TileWork(predictor._internal_maybe_mirror_and_predict, 3, weights, CPU, CPU, predictor._make_bar)
        for first, end in ((0, 10), (10, 20), (20, 37)):
            reaching = [where for where in slicers if where[2].start < end and where[2].stop > first]
            top = min(where[2].start for where in reaching)
            band = TileSum(3, (1, max(where[2].stop for where in reaching) - top, 23), weights, CPU)
            source = TilesFromSomewhere(image)
            for logits, (channels, plane, rows, columns) in predicted_tiles(source, reaching, work):
                band.add(logits, (channels, plane, slice(rows.start - top, rows.stop - top), columns))
            assert source.read == reaching
            assert torch.equal(band.mean()[:, :, first - top : end - top], whole[:, :, first:end])


@pytest.fixture(autouse=True)
def _fresh_gaussian() -> None:
    from nnunetv2.inference.sliding_window_prediction import compute_gaussian

    compute_gaussian.cache_clear()


def three_channel_predictor() -> Any:
    predictor = hand_made_predictor(nn.Conv2d(3, 2, 1), [4, 6], heads=2)
    predictor.dataset_json = {"channel_names": {"0": "R", "1": "G", "2": "B"}}
    return predictor


@pytest.mark.parametrize("image", [torch.zeros(2, 1, 5, 7), torch.zeros(3, 1, 5, 7, dtype=torch.int32)])
def test_an_image_that_the_network_cannot_take_is_refused_with_what_it_takes(image: torch.Tensor) -> None:
    with pytest.raises(CallError, match=f"expected 3 channels of floating-point numbers, got .*{image.dtype}"):
        three_channel_predictor().predict_sliding_window_return_logits(image)


def test_other_errors_of_a_network_stay_as_they_are() -> None:
    class Failing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("a bug")

    predictor = hand_made_predictor(Failing(), [4, 6], heads=2)
    for dataset_json in (None, {"channel_names": {"0": "R"}}):
        predictor.dataset_json = dataset_json
        with pytest.raises(RuntimeError, match=r"^a bug$"):
            predictor.predict_sliding_window_return_logits(IMAGE)


@pytest.mark.parametrize("image", [torch.zeros(3, 5, 7), torch.zeros(3, 0, 5, 7), np.zeros((3, 1, 5, 7)), None])
def test_what_is_no_image_is_refused(image: object) -> None:
    with pytest.raises(CallError, match=r"expected a 4D torch\.Tensor \(c, x, y, z\), got"):
        three_channel_predictor().predict_sliding_window_return_logits(image)
