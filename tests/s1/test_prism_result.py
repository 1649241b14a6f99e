import json

import pytest

from s1.domain_comparison import compare_domains
from s1.domain_shift import DomainFeatures
from s1.errors import DomainMapError
from s1.prism_result import read_prism_result, write_prism_result

FEATURES = {
    "A": DomainFeatures(40, {0: 0.5, 1: 0.5}, 150.2, 39.8, 812.4),
    "B": DomainFeatures(20, {0: 0.4, 1: 0.6}, 120.0, 45.0, 300.0),
}
DISTANCES = {"texture": {("A", "B"): 0.25}, "stain_vectors": {}}
RESULT = compare_domains(FEATURES, domain_file_sha256="ab", ignore_label=7, distances=DISTANCES)


def test_a_written_result_reads_back_equal(tmp_path):
    for result in (RESULT, compare_domains({"A": DomainFeatures(1, None, 1.0, 2.0, 3.0), "B": FEATURES["B"]})):
        write_prism_result(result, tmp_path / "prism_dd.json")
        assert read_prism_result(tmp_path / "prism_dd.json") == result


def test_the_file_has_the_documented_keys():
    content = RESULT.to_dict()
    assert list(content)[:6] == ["version", "domains", "pairs", "ratios", "settings", "domain_file_sha256"]
    assert content["version"] == 1
    assert content["domains"]["A"] == {
        "images": 40,
        "class_shares": {"0": 0.5, "1": 0.5},
        "grey_mean": 150.2,
        "grey_std": 39.8,
        "glcm_contrast": 812.4,
    }
    pair = content["pairs"][0]
    documented = {"a", "b", "shift", "confidence", "direction_gate", "magnitude_gate", "total_difference"}
    assert documented | {"magnitudes", "directions", "importance"} <= set(pair)
    features = {"category_distribution", "pixel_mean", "pixel_std", "glcm_contrast"}
    assert set(pair["magnitudes"]) == set(pair["directions"]) == set(pair["importance"]) == features
    assert content["settings"] == {"class_weights": {"0": 0.1, "1": 0.9}, "crop_common": False, "ignore_label": 7}


def test_distances_are_lists_of_pairs_and_change_no_other_number(tmp_path):
    content = RESULT.to_dict()
    assert content.pop("distances") == {"texture": [{"a": "A", "b": "B", "value": 0.25}], "stain_vectors": []}
    without = compare_domains(FEATURES, domain_file_sha256="ab", ignore_label=7)
    assert {key: value for key, value in without.to_dict().items() if key != "distances"} == content
    (tmp_path / "prism_dd.json").write_text(json.dumps(content))  # as earlier versions wrote it
    assert read_prism_result(tmp_path / "prism_dd.json") == without


def test_unknown_keys_are_ignored(tmp_path):
    content = RESULT.to_dict()
    content["remark"] = content["pairs"][0]["remark"] = content["domains"]["A"]["remark"] = "added later"
    (tmp_path / "prism_dd.json").write_text(json.dumps(content))
    assert read_prism_result(tmp_path / "prism_dd.json") == RESULT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version is 2, expected 1"),
        ({"ratios": None}, "ratios is null, expected a non-empty object"),
        ({"pairs": [{"a": "A"}]}, "lacks the keys 'b', 'shift'"),
        ({"domains": {"A": {}}}, "lacks the keys 'images'"),
        ({"distances": {"texture": [{"a": "A", "b": "B", "value": -1}]}}, "value is -1, expected a number"),
        ({"distances": {"texture": [{"a": "A", "b": "B"}]}}, "lacks the key"),
    ],
)
def test_other_versions_and_malformed_files_are_refused(tmp_path, change, reason):
    path = tmp_path / "prism_dd.json"
    path.write_text(json.dumps(RESULT.to_dict() | change))
    with pytest.raises(DomainMapError, match=reason) as caught:
        read_prism_result(path)
    assert str(path) in str(caught.value)
