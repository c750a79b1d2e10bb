"""Rewards that are still to be seen: a binary heap by the step of their arrival, compiled.

`entries`, shape (capacity, FIELDS + dimension), holds a reward in each row, the features of its decision after the
fields. `order` is a permutation of the rows whose first `count` places are the heap; the rows after them are free.
"""

import numpy as np
from numpy.typing import NDArray

from policies.kernel import Array, kernel

DUE, DECIDED, ARM, REWARD, PROPENSITY = 0, 1, 2, 3, 4
FIELDS = 5

Order = NDArray[np.int64]


@kernel
def before(entries: Array, one: int, other: int) -> bool:
    """Whether the reward in row `one` is seen before the one in row `other`: by arrival, then by decision."""
    if entries[one, DUE] != entries[other, DUE]:
        return bool(entries[one, DUE] < entries[other, DUE])
    return bool(entries[one, DECIDED] < entries[other, DECIDED])


@kernel
def nothing(capacity: int, fields: int) -> tuple[Array, Order]:
    """Entries and order of an empty heap."""
    entries, order = np.empty((capacity, fields)), np.empty(capacity, np.int64)
    # In a loop, because `np.arange` takes a fifth of a second to compile; slices below take more.
    for row in range(capacity):
        order[row] = row
    return entries, order


@kernel
def grown(entries: Array, order: Order) -> tuple[Array, Order]:
    """Twice the capacity, with the same heap."""
    capacity = order.shape[0]
    more, longer = nothing(2 * capacity, entries.shape[1])
    for row in range(capacity):
        longer[row] = order[row]
        for column in range(entries.shape[1]):
            more[row, column] = entries[row, column]
    return more, longer


@kernel
def push(entries: Array, order: Order, count: int) -> None:
    """Move the row `order[count]`, which the caller has filled, to its place in a heap of `count` rows."""
    place = count
    while place > 0:
        parent = (place - 1) // 2
        if not before(entries, order[place], order[parent]):
            break
        order[place], order[parent] = order[parent], order[place]
        place = parent


@kernel
def pop(entries: Array, order: Order, count: int) -> int:
    """Take the first row out of a heap of `count` rows; it stays filled until the next push."""
    last = count - 1
    order[0], order[last] = order[last], order[0]
    place = 0
    while True:
        least = 2 * place + 1
        if least >= last:
            break
        if least + 1 < last and before(entries, order[least + 1], order[least]):
            least += 1
        if not before(entries, order[least], order[place]):
            break
        order[place], order[least] = order[least], order[place]
        place = least
    return int(order[last])
