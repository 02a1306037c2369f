"""Fewer triangles for pictures whose pixels are larger than the model's triangles."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int32
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkDecimatePro


class Decimated(NamedTuple):
    """A coarser triangulation of some of the vertices, none of which has moved."""

    kept: Int32[np.ndarray, " m"]
    """Ids of the vertices that are left, ascending."""
    triangles: Int32[np.ndarray, "u 3"]
    """They count within `kept`."""


def decimate(vertices: Float[np.ndarray, "n 3"], triangles: Int32[np.ndarray, "t 3"], target: int) -> Decimated:
    """Remove the vertices closest to their neighbours' plane until `target` triangles are left, or none can go.

    Schroeder, Zarge and Lorensen, "Decimation of triangle meshes", 1992. Borders and holes stay as they are, vertices
    only disappear: a basis over the vertices needs no change but the choice of its rows. A mesh with no more than
    `target` triangles keeps them all.
    """
    used, local = np.unique(triangles, return_inverse=True)
    mesh = vtkPolyData()
    points, cells = vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices[used], np.float64), deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(np.ascontiguousarray(local.reshape(-1), np.int64), deep=True))
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    names = numpy_to_vtk(used.astype(np.int64), deep=True)
    names.SetName("vertex")
    mesh.GetPointData().AddArray(names)
    coarser = vtkDecimatePro()
    coarser.SetInputData(mesh)
    coarser.SetTargetReduction(max(0.0, 1 - target / len(triangles)))
    coarser.PreserveTopologyOn()
    coarser.SplittingOff()
    coarser.BoundaryVertexDeletionOff()
    coarser.Update()
    found = coarser.GetOutput()
    ids = vtk_to_numpy(found.GetPointData().GetArray("vertex"))
    corners = ids[vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3)]
    kept, triangles = np.unique(corners, return_inverse=True)
    return Decimated(kept.astype(np.int32), triangles.reshape(-1, 3).astype(np.int32))
