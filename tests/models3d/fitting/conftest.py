import numpy as np
import pytest
import torch

from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from tests.models3d.fitting.people import SIZE_PX, People, people

torch.set_num_threads(1)  # as the workflow's rules have it


@pytest.fixture(scope="session")
def crowd(template_model) -> People:
    return people(template_model, 12)


@pytest.fixture(scope="session")
def fit(template_model):
    """fit(landmarks_px, slides=False, **options): the template's model fitted to photos of 256 x 256 px."""
    points = landmark_points(template_model)
    usual = {
        "landmark_sigma": 0.02,
        "identity_weight": 1.0,
        "expression_weight": 1.0,
        "focal_ratio": 1.5,
        "focal_log_sigma": 0.0,
        "max_turn_rad": np.deg2rad(75),
        "iterations": 30,
    }

    def run(landmarks_px: np.ndarray, slides: bool = False, **changes) -> LandmarkFit:
        count = len(landmarks_px)
        sizes, slide = np.full((count, 2), SIZE_PX), np.full(count, slides)
        options = LandmarkFitOptions(**{**usual, **changes})
        return fit_landmarks(template_model, points, landmarks_px, sizes, slide, options)

    return run
