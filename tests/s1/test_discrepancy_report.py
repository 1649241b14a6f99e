import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from s1.discrepancy_report import report_files
from s1.domain_comparison import compare_domains
from s1.image_features import DomainMeasurement, MeasureSettings, measure_domains
from s1.image_pairs import ImagePair
from tests.seen_pages import in_a_browser, problems_of

VOID = {"meta", "img"}


class Structure(HTMLParser):
    """Collects text and attributes, and checks that every element is closed in turn."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def measure(folder, brightness):
    rng = np.random.default_rng(brightness)
    pairs = []
    for number in range(2):
        image, mask = folder / f"{brightness}_{number}.png", folder / f"{brightness}_{number}_m.png"
        Image.fromarray(rng.integers(brightness, brightness + 50, (40, 40, 3), np.uint8)).save(image)
        Image.fromarray(rng.integers(0, 2, (40, 40), np.uint8)).save(mask)
        pairs.append(ImagePair(image, mask))
    return pairs


@pytest.fixture
def measured(tmp_path):
    domains = {"north & <south>": 20, "east": 100, "west": 180}
    pairs = {name: measure(tmp_path, value) for name, value in domains.items()}
    return measure_domains(pairs, MeasureSettings(workers=0))


def make(measured: dict[str, DomainMeasurement]):
    result = compare_domains({name: m.features() for name, m in measured.items()})
    return result, report_files(result, measured, {1: "gland"})


def parsed(page):
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    return structure


def test_the_figures_are_pictures(measured):
    _, files = make(measured)
    for name in ("feature_importance.png", "combined_analysis.png"):
        with Image.open(io.BytesIO(files[name])) as picture:
            assert picture.width > 500
            assert np.asarray(picture.convert("L")).std() > 5


def test_the_page_is_well_formed_and_refers_to_nothing_outside(measured):
    page = make(measured)[1]["prism_dd.html"].decode()
    structure = parsed(page)
    assert structure.links
    assert all(link.startswith("data:image/") for link in structure.links)
    assert "http" not in re.sub(r"base64,[^']*", "", page)
    assert "<script" not in page


def test_the_page_shows_every_domain_with_its_numbers(measured):
    result, files = make(measured)
    text = " ".join(parsed(files["prism_dd.html"].decode()).text)
    for name, ratio in result.ratios.items():
        assert name in text
        assert f"{ratio:.1%}" in text
    assert "gland" in text
    assert "label 0" in text
    for pair in result.pairs:
        assert f"{pair.outcome.shift:+.4f}" in text
        assert f"{pair.outcome.total_difference:.3f}" in text


def test_names_are_escaped(measured):
    page = make(measured)[1]["prism_dd.html"].decode()
    assert "<south>" not in page
    assert "north &amp; &lt;south&gt;" in page


def test_the_page_says_how_little_the_published_formula_changes(measured):
    text = " ".join(parsed(make(measured)[1]["prism_dd.html"].decode()).text)
    assert "never gave more than 0.015" in text
    assert "drawn equally often instead of by number of images" in text


def test_thumbnails_are_those_of_the_domains(measured):
    page = make(measured)[1]["prism_dd.html"].decode()
    assert page.count("data:image/jpeg") == sum(len(m.thumbnails) for m in measured.values()) == 6


def test_many_domains_without_masks_can_be_drawn(measured):
    many = {f"domain {number}": list(measured.values())[number % 3] for number in range(12)}
    for measurement in many.values():
        measurement.has_masks = False
    result, files = make(many)
    assert len(result.pairs) == 66
    assert "no masks" in files["prism_dd.html"].decode()


@in_a_browser
def test_the_page_is_readable_in_a_browser(measured, tmp_path):
    assert problems_of(make(measured)[1]["prism_dd.html"].decode(), tmp_path) == []
