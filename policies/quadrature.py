"""Composite Gauss-Legendre quadrature: the rule of one panel, and the running integral at its own nodes."""

import numpy as np
from numpy.polynomial import legendre

from policies.kernel import Array, kernel

ORDER = 12
"""Nodes a panel."""


def rule(order: int) -> tuple[Array, Array, Array]:
    """Nodes, weights and integration matrix of the Gauss-Legendre rule on [-1, 1].

    Row i of the matrix, shape (order, order), times the values of a function at the nodes is the integral of its
    interpolating polynomial from -1 to node i; exact for polynomials of degree below `order`.

    Source: the integral of a Legendre polynomial, (P[k+1] - P[k-1]) / (2 k + 1): NIST Digital Library of Mathematical
    Functions, 14.10.5 and 18.9.
    """
    nodes, weights = legendre.leggauss(order)
    values = legendre.legvander(nodes, order)
    integrals = np.empty((order, order))
    integrals[:, 0] = nodes + 1.0
    for k in range(1, order):
        integrals[:, k] = (values[:, k + 1] - values[:, k - 1]) / (2 * k + 1)
    coefficients = (np.arange(order) + 0.5)[:, None] * values[:, :order].T * weights
    return nodes, weights, integrals @ coefficients


NODES, NODE_WEIGHTS, MATRIX = rule(ORDER)
RUNNING = np.ascontiguousarray(MATRIX.T)
"""The matrix by columns: adding a column at a time vectorises, a dot product per row does not."""


@kernel
def total(values: Array) -> float:
    """The integral over a panel of half-width one, from the values at its nodes, shape (ORDER,)."""
    integral = 0.0
    for i in range(ORDER):
        integral += NODE_WEIGHTS[i] * values[i]
    return integral


@kernel
def running(values: Array, start: float, out: Array) -> None:
    """Write `start` plus the integral from the left end of a panel of half-width one to each of its nodes."""
    for i in range(ORDER):
        out[i] = start
    for j in range(ORDER):
        for i in range(ORDER):
            out[i] += RUNNING[j, i] * values[j]
