"""Gauss-Legendre quadrature on panels, which end where the integrand turns."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def panels(edges: Array) -> tuple[Array, Array]:
    """Twelve nodes, with their weights, between each edge and the next, along the last axis; edges may coincide."""
    centres, halves = (edges[..., 1:] + edges[..., :-1]) / 2.0, (edges[..., 1:] - edges[..., :-1]) / 2.0
    shape = (*edges.shape[:-1], -1)
    nodes = centres[..., None] + halves[..., None] * _NODES
    return nodes.reshape(shape), (halves[..., None] * _WEIGHTS).reshape(shape)
