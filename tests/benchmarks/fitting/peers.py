"""Other people's fitters on the same photos: each gives coefficients and where it has the landmarks."""

import inspect
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from scipy.linalg import svd

from models3d.face_model import FaceModel
from models3d.render import to_srgb
from models3d.training_faces import draw_light, draw_surface

TEXTURES, TEXTURE_MODES = 200, 20
EXPECTED_FOCAL_RATIO = 2.9


class Fitted(NamedTuple):
    identity: np.ndarray
    expression: np.ndarray
    landmarks_px: np.ndarray


class JointModes(NamedTuple):
    """Identity and expression as one orthonormal basis with variances, as peers want them."""

    components: np.ndarray
    """(k, 3n)"""
    variances: np.ndarray
    back: np.ndarray
    """(k, k): coefficients along the components to identity and expression in standard deviations."""


def joint_modes(model: FaceModel) -> JointModes:
    parts = (model.identity, model.expression)
    moves = np.concatenate([part.displacements_mm.reshape(len(part), -1) for part in parts]).astype(np.float64)
    u, s, vt = svd(moves.T, full_matrices=False)
    return JointModes(np.ascontiguousarray(u.T), s**2, vt.T / s)


@contextmanager
def numpy_1_names():
    """What menpo3d still takes from NumPy."""
    np.Inf, np.product = np.inf, np.prod
    try:
        yield
    finally:
        del np.Inf, np.product


def lucas_kanade(repaired: bool):
    """menpo3d's SimultaneousForwardAdditive; repaired, its landmark gradient is added to that of the data."""
    from menpo3d.morphablemodel.algorithm import lk

    if not repaired:
        return lk.SimultaneousForwardAdditive
    source = inspect.getsource(lk)
    wrong = "sd_error[:idx] = landmarks_prior_weight * sd_lms.dot(lms_error)"
    assert source.count(wrong) == 2
    namespace = {"__name__": lk.__name__ + "_repaired", "__package__": lk.__package__}
    exec(compile(source.replace(wrong, wrong.replace(" = ", " += ")), "lk_repaired", "exec"), namespace)
    return namespace["SimultaneousForwardAdditive"]


class MenpoFitter:
    """menpo3d on a face model, with a texture model of 20 modes learnt from lit random skins."""

    def __init__(self, model: FaceModel, stage, repaired: bool, iterations: int) -> None:
        from menpo.model import PCAModel, PCAVectorModel
        from menpo.shape import PointCloud, TriMesh
        from menpo3d.morphablemodel import ColouredMorphableModel

        self.model, self.modes, self.iterations = model, joint_modes(model), iterations
        mean = TriMesh(model.mean_mm.astype(np.float64), trilist=model.triangles)
        shape = PCAModel.init_from_components(
            self.modes.components, self.modes.variances, mean, len(self.modes.variances) + 1, True
        )
        textures = np.stack([lit_skin(stage, np.random.default_rng(seed)) for seed in range(TEXTURES)])
        average = textures.mean(0)
        _, s, vt = svd(textures - average, full_matrices=False)
        texture = PCAVectorModel.init_from_components(
            vt[:TEXTURE_MODES], s[:TEXTURE_MODES] ** 2 / TEXTURES, average, TEXTURES, True
        )
        marks = PointCloud(model.mean_mm[model.landmarks].astype(np.float64))
        self.mm = ColouredMorphableModel(shape, texture, marks, lambda image: image, None)
        self.algorithm = lucas_kanade(repaired)(self.mm, 1000)

    def fit(self, image: np.ndarray, landmarks_px: np.ndarray) -> Fitted:
        from menpo.image import Image
        from menpo.shape import PointCloud
        from menpo3d.camera import PerspectiveCamera

        np.random.seed(0)  # its samples are drawn from NumPy's global generator
        picture = Image(np.moveaxis(image / 255.0, -1, 0).copy())
        marks = PointCloud(landmarks_px[:, ::-1].copy())
        focal = EXPECTED_FOCAL_RATIO * max(picture.shape)
        camera = PerspectiveCamera.init_from_2d_projected_shape(
            self.mm.landmarks, marks, picture.shape, focal_length=focal
        )
        result = self.algorithm.run(
            picture,
            self.mm.instance(),
            camera,
            max_iters=self.iterations,
            camera_update=True,
            focal_length_update=False,
            landmarks=marks,
            verbose=False,
        )
        coefficients = self.modes.back @ result.shape_parameters[-1]
        seen = result.camera_transforms[-1].apply(result.meshes[-1]).points[self.model.landmarks]
        count = len(self.model.identity)
        return Fitted(coefficients[:count], coefficients[count:], seen[:, 1::-1])


def lit_skin(stage, random: np.random.Generator) -> np.ndarray:
    """sRGB, 0 to 1, at each vertex of the mean face, seen from the front."""
    albedo, _, _ = draw_surface(random, stage)
    ambient, directions, colours = draw_light(random)
    from models3d.render import harmonics, vertex_normals

    normals = vertex_normals(stage.model.mean_mm, stage.model.triangles) * np.array([1, -1, -1], np.float32)
    light = np.maximum(harmonics(normals) @ ambient, 0)
    for direction, colour in zip(directions, colours, strict=True):
        light = light + np.maximum(normals @ direction, 0)[:, None] * colour
    return to_srgb(albedo * light).reshape(-1) / 255.0


class EosFitter:
    """eos-py: identity as a PCA model, expressions as a PCA model or as non-negative blendshapes."""

    def __init__(self, model: FaceModel, blendshapes: bool, iterations: int) -> None:
        import eos

        self.eos, self.model, self.blendshapes, self.iterations = eos, model, blendshapes, iterations
        identity, self.identity_back = orthonormal(model.identity.displacements_mm)
        mean = model.mean_mm.reshape(-1).astype(np.float32)
        triangles = [list(map(int, triangle)) for triangle in model.triangles]
        pca = eos.morphablemodel.PcaModel
        shape = pca(mean, identity[0], identity[1], triangles)
        if blendshapes:
            moves = [
                eos.morphablemodel.Blendshape(name, (move * bound).reshape(-1).astype(np.float32))
                for name, move, bound in zip(
                    model.expression.names,
                    model.expression.displacements_mm,
                    model.expression.bounds[:, 1],
                    strict=True,
                )
            ]
            self.expression_back = np.diag(model.expression.bounds[:, 1])
        else:
            expression, self.expression_back = orthonormal(model.expression.displacements_mm)
            moves = pca(np.zeros_like(mean), expression[0], expression[1], triangles)
        self.mm = eos.morphablemodel.MorphableModel(shape, moves, pca())
        self.mapper = eos.core.LandmarkMapper()  # empty: a landmark's name is its vertex

    def fit(self, image: np.ndarray, landmarks_px: np.ndarray) -> Fitted:
        eos = self.eos
        marks = [
            eos.core.Landmark(str(vertex), [float(x), float(y)])
            for vertex, (x, y) in zip(self.model.landmarks, landmarks_px, strict=True)
        ]
        height, width = image.shape[:2]
        mesh, pose, identity, expression = eos.fitting.fit_shape_and_pose(
            self.mm, marks, self.mapper, width, height, num_iterations=self.iterations
        )
        points = np.asarray(mesh.vertices, np.float64)[self.model.landmarks]
        seen = project_eos(points, pose, width, height)
        return Fitted(self.identity_back @ identity, self.expression_back @ expression, seen)


def orthonormal(displacements_mm: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """A basis as eos wants it, (3n, k) and variances, and what takes its coefficients (in its standard deviations) to
    the model's own."""
    u, s, vt = svd(displacements_mm.reshape(len(displacements_mm), -1).T.astype(np.float64), full_matrices=False)
    return (np.ascontiguousarray(u, np.float32), (s**2).astype(np.float32)), vt.T


def project_eos(points: np.ndarray, pose, width: int, height: int) -> np.ndarray:
    """Pixels of points through eos's model-view and projection matrices."""
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    clip = homogeneous @ np.asarray(pose.get_modelview()).T @ np.asarray(pose.get_projection()).T
    normalised = clip[:, :2] / clip[:, 3:]
    return np.stack([(normalised[:, 0] + 1) / 2 * width, (1 - normalised[:, 1]) / 2 * height], axis=1)
