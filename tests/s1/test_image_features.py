import threading

import numpy as np
import pytest
from PIL import Image

from s1.errors import ImageProblemError
from s1.grey_statistics import measure_grey
from s1.image_features import THUMBNAILS, MeasureSettings, in_parallel, measure_domains
from s1.image_pairs import ImagePair


def make_pairs(folder, count, seed=0, size=(20, 30), labels=3):
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    pairs = []
    for number in range(count):
        pair = ImagePair(folder / f"{seed}_{number}.png", folder / f"{seed}_{number}_mask.png")
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(pair.image)
        Image.fromarray(rng.integers(0, labels, size, np.uint8)).save(pair.mask)
        pairs.append(pair)
    return pairs


def read(path):
    return np.asarray(Image.open(path))


def test_features_are_means_over_images_and_shares_over_pixels(tmp_path):
    pairs = make_pairs(tmp_path, 3) + make_pairs(tmp_path, 1, seed=1, size=(50, 40))
    features = measure_domains({"a": pairs}, MeasureSettings())["a"].features()
    statistics = [measure_grey(read(pair.image)) for pair in pairs]
    labels = np.concatenate([read(pair.mask).ravel() for pair in pairs])
    assert features.images == 4
    assert features.grey_mean == pytest.approx(np.mean([s.mean for s in statistics]))
    assert features.grey_std == pytest.approx(np.mean([s.std for s in statistics]))
    assert features.glcm_contrast == pytest.approx(np.mean([s.contrast for s in statistics]))
    assert features.class_shares == pytest.approx({c: np.mean(labels == c) for c in (0, 1, 2)})


def test_any_number_of_workers_gives_the_same_numbers(tmp_path):
    pairs = {"a": make_pairs(tmp_path, 7), "b": make_pairs(tmp_path, 5, seed=1)}
    results = [measure_domains(pairs, MeasureSettings(workers=workers)) for workers in (0, 1, 3)]
    for name in pairs:
        assert results[0][name].features() == results[1][name].features() == results[2][name].features()
        assert results[0][name].thumbnails == results[2][name].thumbnails


def test_the_ignore_label_is_not_counted(tmp_path):
    pairs = make_pairs(tmp_path, 2)
    shares = measure_domains({"a": pairs}, MeasureSettings(ignore_label=2))["a"].features().class_shares
    labels = np.concatenate([read(pair.mask).ravel() for pair in pairs])
    assert shares == pytest.approx({0: np.sum(labels == 0) / np.sum(labels < 2), 1: np.mean(labels[labels < 2])})


def test_masks_with_only_the_ignore_label_are_refused(tmp_path):
    pairs = {"a": make_pairs(tmp_path, 1), "b": make_pairs(tmp_path, 2, seed=1, labels=1)}
    with pytest.raises(ImageProblemError, match=r"domain 'b'.*only the ignore label"):
        measure_domains(pairs, MeasureSettings(ignore_label=0))


def test_without_masks_there_are_no_shares(tmp_path):
    pairs = [ImagePair(pair.image, None) for pair in make_pairs(tmp_path, 2)]
    assert measure_domains({"a": pairs}, MeasureSettings())["a"].features().class_shares is None


def test_cropping_takes_the_common_size_at_the_top_left_of_all_domains(tmp_path):
    pairs = {"a": make_pairs(tmp_path, 2, size=(20, 30)), "b": make_pairs(tmp_path, 2, seed=1, size=(25, 18))}
    measured = measure_domains(pairs, MeasureSettings(crop_common=True))
    for name in pairs:
        crops = [measure_grey(read(pair.image)[:20, :18]) for pair in pairs[name]]
        masks = np.concatenate([read(pair.mask)[:20, :18].ravel() for pair in pairs[name]])
        assert measured[name].features().grey_mean == pytest.approx(np.mean([c.mean for c in crops]))
        assert measured[name].features().class_shares[1] == pytest.approx(np.mean(masks == 1))


def test_all_bad_files_of_all_domains_are_listed_together(tmp_path):
    pairs = {"a": make_pairs(tmp_path, 3), "b": make_pairs(tmp_path, 2, seed=1)}
    pairs["a"][1].image.write_bytes(pairs["a"][1].image.read_bytes()[:200])
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(pairs["b"][0].mask)
    with pytest.raises(ImageProblemError) as caught:
        measure_domains(pairs, MeasureSettings())
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "0_1.png" in lines[1]
    assert "1_0_mask.png" in lines[2]


def test_labels_that_the_dataset_does_not_declare_are_refused(tmp_path):
    pairs = make_pairs(tmp_path, 1)
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save(pairs[0].mask)
    messages = {
        (0, 1): r"did you mean 1\? \(dataset.json has 0, 1\)",
        (0, 2): r"found label 255 \(dataset.json has 0, 2\)",
    }
    for known, message in messages.items():
        with pytest.raises(ImageProblemError, match=message):
            measure_domains({"a": pairs}, MeasureSettings(known_labels=frozenset(known)))


def test_a_few_evenly_spread_images_are_shown(tmp_path):
    measured = measure_domains({"a": make_pairs(tmp_path, 9), "b": make_pairs(tmp_path, 2, seed=1)}, MeasureSettings())
    assert (len(measured["a"].thumbnails), len(measured["b"].thumbnails)) == (THUMBNAILS, 2)
    plain = measure_domains({"a": make_pairs(tmp_path, 9)}, MeasureSettings(with_pictures=False))
    assert plain["a"].thumbnails == []


@pytest.mark.parametrize("workers", [0, 3])
def test_at_most_two_results_per_worker_wait(workers):
    lock, made, taken, most = threading.Lock(), 0, 0, 0

    def work(item):
        nonlocal made, most
        with lock:
            made += 1
            most = max(most, made - taken)
        return item * item

    for item, result in in_parallel(work, range(100), workers):
        assert result == item * item
        with lock:
            taken += 1
    assert taken == 100
    assert most <= 2 * workers + 2
