"""The values of an arm one by one, for methods to which their moments are not enough."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bandit.statistics.comparison import Refused

Array = NDArray[np.float64]


def arms(method: str, treatment: ArrayLike, control: ArrayLike, least: int = 1) -> tuple[Array, Array]:
    """Both arms' values as flat arrays.

    Raises:
        ValueError: A value is not a finite number.
        Refused: An arm has fewer than `least` values.
    """
    checked = []
    for name, values in (("treatment", treatment), ("control", control)):
        array = np.asarray(values, np.float64).ravel()
        if wrong := int(array.size - np.isfinite(array).sum()):
            raise ValueError(f"{name}: {wrong} of {array.size} values are not finite numbers, all must be")
        if array.size < least:
            raise Refused(method, f"the {name} has {array.size} values, of {least} needed", "it once there are")
        checked.append(array)
    return checked[0], checked[1]
