"""The records of the stages of `workflow/rules/meshes.smk`: meshes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ListMeshes:
    """One of `mesh_datasets` in the configuration's schema, and its name."""

    dataset: str
    manifest: str
    shards: int
    sessions_per_shard: int
    test_share: float


@dataclass(frozen=True)
class IndexMeshes:
    """See `index_meshes` in the configuration's schema, and `mesh_datasets` for the unit."""

    unit_mm: float
    max_texture_pixels: int
    max_reject_rate: float


@dataclass(frozen=True)
class RegisterMeshes:
    """See `register_meshes` in the configuration's schema, and `mesh_datasets` for the unit."""

    unit_mm: float
    coarse_triangles: int
    max_scan_vertices: int
    max_mean_mm: float
    max_landmark_mm: float
    max_texture_pixels: int
    max_reject_rate: float


@dataclass(frozen=True)
class ProjectMeshes:
    """See `project_meshes` in the configuration's schema."""

    method: str
    scaled: bool
    batch: int
    max_residual_mm: float
    max_reject_rate: float


@dataclass(frozen=True)
class RenderMeshes:
    """See `render_meshes` in the configuration's schema."""

    seed: int
    images_per_session: int
    size_px: int
    face_scale: float
    range_sigma: float
