"""One population for all tests of the sample: making it takes ten seconds."""

import numpy as np
import pytest

from pipeline.sample.population import Population, make_population
from pipeline.settings.sample import MakeSample


@pytest.fixture(scope="session")
def population() -> Population:
    settings = MakeSample(
        seed=0,
        identity_components=60,
        photos=1,
        subjects=1,
        sessions=1,
        sequences=1,
        frames=3,
        image_size_px=160,
    )
    return make_population(settings)


@pytest.fixture(scope="session")
def actions(population: Population) -> dict[str, np.ndarray]:
    """Each action at full strength: displacements in mm."""
    basis = population.model.expression
    return dict(zip(basis.names, 3 * basis.displacements_mm, strict=True))
