"""Both layouts of LSFM, and each trap in them."""

import menpo3d.io
import numpy as np
import pytest
import scipy.io

from models3d.errors import InputError
from models3d.readers.lsfm import read_lsfm


@pytest.fixture
def released(neutral_face, columns):
    """The variables of a released file, lengths in micrometres."""
    variances = (neutral_face.identity.sigmas_mm.astype(np.float64) * 1000) ** 2
    return {
        "mean": neutral_face.mean_mm.astype(np.float64).reshape(-1, 1) * 1000,
        "components": columns(neutral_face.identity.components),
        "eigenvalues": variances,
        "cumulative_explained_variance": np.cumsum(variances) / variances.sum(),
        "trilist": neutral_face.triangles.astype(np.uint32),
        "n_training_samples": 8402,
    }


@pytest.fixture
def struct(face, columns):
    """The struct of the second layout, lengths in units of 100 mm, MATLAB's doubles throughout."""
    return {
        "mean": face.mean_mm.astype(np.float64).reshape(-1, 1) / 100,
        "faces": face.triangles.astype(np.float64)[:, ::-1] + 1,
        "id_basis": columns(face.identity.displacements_mm) / 100,
        "exp_basis": columns(face.expression.displacements_mm) / 100,
        "IDlands": face.landmarks.astype(np.float64) + 1,
    }


@pytest.fixture
def write(tmp_path):
    def save(variables, name="all_all_all.mat", **options):
        scipy.io.savemat(tmp_path / name, variables, **options)
        return tmp_path / name

    return save


@pytest.mark.parametrize("compressed", [False, True])
def test_released_layout_comes_back(released, write, landmarks, neutral_face, assert_same, compressed):
    model = read_lsfm(write(released, do_compression=compressed), landmarks)
    assert_same(model, neutral_face)
    assert model.name == "all_all_all" and "all_all_all.mat, lengths in micrometres" in model.source


def test_released_layout_equals_what_menpo3d_reads(released, write, landmarks):
    path = write(released)
    model, peer = read_lsfm(path, landmarks), menpo3d.io.import_lsfm_model(path)
    np.testing.assert_allclose(model.mean_mm * 1000, peer.mean().points, rtol=1e-6, atol=1e-2)
    np.testing.assert_array_equal(model.triangles, peer.mean().trilist)
    np.testing.assert_allclose(model.identity.components.reshape(6, -1), peer.components, atol=1e-7)
    np.testing.assert_allclose((model.identity.sigmas_mm * 1000.0) ** 2, peer.eigenvalues, rtol=1e-5)
    weights = np.array([1.5, -0.5, 2.0, 0, 0, -1.0], np.float32)
    moved = model.mean_mm + np.tensordot(weights, model.identity.displacements_mm, 1)
    np.testing.assert_allclose(moved * 1000, peer.instance(weights, normalized_weights=True).points, atol=0.5)


@pytest.mark.parametrize(
    ("scale", "unit"),
    [(0.001, "metres"), (0.01, "units of 100 mm"), (0.1, "centimetres"), (1, "millimetres"), (1000, "micrometres")],
)
def test_the_height_of_the_head_tells_the_unit(released, write, landmarks, neutral_face, assert_same, scale, unit):
    released |= {"mean": released["mean"] / 1000 * scale, "eigenvalues": released["eigenvalues"] / 1e6 * scale**2}
    model = read_lsfm(write(released), landmarks)
    assert_same(model, neutral_face)
    assert model.source.endswith(f"lengths in {unit}")


def test_a_mean_of_no_faces_height_is_refused(released, write, landmarks):
    released["mean"] = released["mean"] / 40
    with pytest.raises(InputError, match=r"in no unit of .* is that a face of 100 to 400 mm"):
        read_lsfm(write(released), landmarks)


def test_cropped_models_bring_maps_which_are_not_needed(released, write, landmarks, neutral_face, assert_same):
    count = len(neutral_face.mean_mm)
    maps = {"map_cropped_to_full": np.arange(count), "map_full_to_cropped": np.r_[np.arange(count), -1, -1]}
    assert_same(read_lsfm(write(released | maps, "all_all_all_cropped.mat"), landmarks), neutral_face)


@pytest.mark.parametrize("field", ["mean", "components", "eigenvalues", "trilist"])
def test_a_missing_field_is_named_with_what_was_found(released, write, landmarks, field):
    del released[field]
    with pytest.raises(InputError, match=rf"all_all_all.mat: has no field '{field}'; it holds: .*n_training_samples"):
        read_lsfm(write(released), landmarks)


def test_missing_landmarks_name_the_remedy(released, write):
    with pytest.raises(
        InputError, match=r"brings no landmarks. Set the model's 'landmarks' to a file of .*68 vertex ids"
    ):
        read_lsfm(write(released))


def test_components_that_hold_their_sigma_are_refused(released, write, landmarks):
    released["components"] = released["components"] * np.sqrt(released["eigenvalues"])
    with pytest.raises(InputError, match=r"column 0 of its 'components' has norm 1.2e\+05, expected a unit vector"):
        read_lsfm(write(released), landmarks)


def test_a_trilist_counted_from_one_is_refused(released, write, landmarks):
    released["trilist"] = released["trilist"] + 1
    with pytest.raises(InputError, match=r"'trilist' names vertex 441; counted from 0, the mesh has 0 to 440"):
        read_lsfm(write(released), landmarks)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("eigenvalues", np.zeros(6), "'eigenvalues' holds 0, but spreads are positive"),
        ("eigenvalues", np.full(6, 1e18), r"one standard deviation of identity_000 moves a vertex by 4.762e\+04 mm"),
        ("eigenvalues", np.ones(5), r"'components' has shape \(1323, 6\), expected 1323 x 5"),
        ("mean", np.full((1323, 1), np.nan), "'mean' holds numbers that are not finite"),
        ("mean", np.ones(1322), "'mean' has 1322 numbers, no multiple of three"),
        ("trilist", np.zeros((0, 3)), r"'trilist' is empty"),
        ("trilist", np.array([[0, 1, 2.5]]), "'trilist' names vertex 2.5"),
        ("components", "text", "'components' is not an array of real numbers"),
        ("components", np.ones((1323, 6)) * 1j, "'components' is not an array of real numbers"),
    ],
)
def test_what_cannot_be_is_refused(released, write, landmarks, field, value, message):
    with pytest.raises(InputError, match=message):
        read_lsfm(write(released | {field: value}), landmarks)


def test_a_mirrored_face_is_noticed(released, write, landmarks):
    released["mean"] = released["mean"] * np.tile([-1, 1, 1], 441)[:, None]
    with pytest.raises(InputError, match=r"landmarks do not lie as on a face"):
        read_lsfm(write(released), landmarks)


@pytest.mark.parametrize("compressed", [False, True])
def test_second_layout_comes_back(struct, write, face, assert_same, compressed):
    model = read_lsfm(write({"fmod": struct}, do_compression=compressed))
    assert_same(model, face)
    assert model.source.endswith("lengths in units of 100 mm")


def test_second_layout_without_expression(struct, write, neutral_face, assert_same):
    struct["exp_basis"] = np.zeros((1323, 0))
    assert_same(read_lsfm(write({"fmod": struct})), neutral_face)


def test_second_layout_takes_other_landmarks(struct, write, face, tmp_path):
    (tmp_path / "other.txt").write_text(" ".join(map(str, face.landmarks + 1)))
    model = read_lsfm(write({"fmod": struct}), tmp_path / "other.txt")
    np.testing.assert_array_equal(model.landmarks, face.landmarks + 1)


def test_second_layout_counts_from_one(struct, write):
    struct["faces"] = struct["faces"] - 1
    with pytest.raises(InputError, match=r"'fmod.faces' names vertex 0.0; counted from 1, the mesh has 1 to 441"):
        read_lsfm(write({"fmod": struct}))


def test_second_layout_with_unit_columns_has_lost_its_sigmas(struct, write, face, columns):
    struct["id_basis"] = columns(face.identity.components)
    with pytest.raises(InputError, match=r"'fmod.id_basis' are unit vectors, which tell no standard deviation"):
        read_lsfm(write({"fmod": struct}))


@pytest.mark.parametrize("field", ["mean", "faces", "id_basis", "exp_basis", "IDlands"])
def test_second_layout_names_a_missing_field(struct, write, field):
    del struct[field]
    with pytest.raises(InputError, match=f"has no field 'fmod.{field}'; it holds: fmod"):
        read_lsfm(write({"fmod": struct}))


def test_51_landmarks_are_not_68(struct, write):
    struct["IDlands"] = struct["IDlands"][:51]
    with pytest.raises(InputError, match=r"'fmod.IDlands' has shape \(1, 51\), expected 68"):
        read_lsfm(write({"fmod": struct}))
