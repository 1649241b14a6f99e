import numpy as np

from sample_data.nuclei import LYMPHOCYTE, SPINDLE_NUCLEUS, TUMOR_NUCLEUS, Nuclei, lattice_points, paint_nuclei


def painted(kind, centre, direction=0.0, size=41):
    canvas = np.zeros((size, size), np.float32)
    nuclei = Nuclei(kind, np.array([centre], float), np.array([direction]))
    paint_nuclei(np.random.default_rng(0), canvas, nuclei, np.zeros_like(canvas))
    return canvas


def test_the_kinds_have_their_declared_sizes():
    area = {kind: (painted(kind, (20, 20)) > 0.3).sum() for kind in (TUMOR_NUCLEUS, SPINDLE_NUCLEUS, LYMPHOCYTE)}
    assert 70 < area[TUMOR_NUCLEUS] < 150
    assert 20 < area[LYMPHOCYTE] < 45
    assert area[LYMPHOCYTE] < area[SPINDLE_NUCLEUS] < area[TUMOR_NUCLEUS]


def test_a_spindle_lies_along_its_direction():
    rows, columns = np.nonzero(painted(SPINDLE_NUCLEUS, (20, 20), direction=0.0) > 0.3)
    assert np.ptp(rows) > 2 * np.ptp(columns)
    rows, columns = np.nonzero(painted(SPINDLE_NUCLEUS, (20, 20), direction=np.pi / 2) > 0.3)
    assert np.ptp(columns) > 2 * np.ptp(rows)


def test_a_nucleus_is_centred_and_may_be_cut_by_the_border():
    rows, columns = np.nonzero(painted(LYMPHOCYTE, (12, 25)) > 0.3)
    assert abs(rows.mean() - 12) < 0.6
    assert abs(columns.mean() - 25) < 0.6
    assert painted(TUMOR_NUCLEUS, (0, 40)).max() > 0.3


def test_lattice_points_are_inside_and_apart_and_cover_the_tile():
    points = lattice_points(np.random.default_rng(0), (150, 100), 12.0, 0.2)
    assert np.all((points >= 0) & (points <= [149, 99]))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 12.0 * (1 - 0.2 * 2 * np.sqrt(2))
    assert len(points) > 0.8 * 150 * 100 / (12.0**2 * np.sqrt(3) / 2)
