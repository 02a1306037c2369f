"""Distances along a surface, as shortest paths over the mesh's edges.

On the 53k-vertex template a source takes 10 ms and lies 3 to 4 % above the true distance in the mean. The
heat method (Crane et al. 2013) was measured beside it: 1 to 3 % off in the mean, but up to 7 % of the mesh's
size off at worst, 65 ms a source, and useless on parts that do not touch (teeth, eyeballs).
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra


def edge_graph(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "t 3"]) -> csr_array:
    """Sparse (n, n) matrix with each edge's length, once, in the unit of `vertices`."""
    count = len(vertices)
    ends = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    # one number an edge: sorting these is ten times faster than sorting rows
    low, high = np.divmod(np.unique(ends[:, 0].astype(np.int64) * count + ends[:, 1]), count)
    lengths = np.linalg.norm(vertices[low].astype(np.float64) - vertices[high], axis=1)
    return csr_array((lengths, (low, high)), shape=(count, count))


def geodesic_distances(graph: csr_array, source: int, limit: float) -> Float[np.ndarray, " n"]:
    """Distance of every vertex from `source`, infinite beyond `limit` and on parts that do not touch."""
    return dijkstra(graph, directed=False, indices=source, limit=limit)
