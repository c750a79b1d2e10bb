"""How a function becomes a kernel: the signatures and the one decorator that compiles.

This module, `policies.part`, `policies.room`, `policies.address`, by which loops call kernels, and `policies.cache`,
which keeps the machine code, are all that knows the compiler.
"""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, overload

import numba
import numpy as np
from numba import float64, int64, types
from numba.core.typing.templates import Signature
from numpy.typing import NDArray

from policies import cache
from policies.address import WithEntrance
from policies.part import part

F = TypeVar("F", bound=Callable[..., Any])

Array = NDArray[np.float64]

WEIGHTS: Signature = types.void(float64[:, ::1], float64[::1], float64, float64[::1], float64[::1])
"""`weights(stats, context, t, params, out)` writes the probability of each arm to `out`."""

SELECT: Signature = int64(float64[:, ::1], float64[::1], float64, float64[::1], types.npy_rng)
"""`select(stats, context, t, params, rng)` returns one arm, drawn with those probabilities."""

RECORD: Signature = types.void(float64[:, ::1], float64[::1], int64, float64, float64, float64, float64[::1])
"""`record(stats, context, arm, reward, propensity, weight, params)` adds a rewarded trial to the sums."""

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}

PARAMETERS = {
    WEIGHTS: ("stats", "context", "t", "params", "out"),
    SELECT: ("stats", "context", "t", "params", "rng"),
    RECORD: ("stats", "context", "arm", "reward", "propensity", "weight", "params"),
}


@overload
def kernel(signature: F) -> F: ...
@overload
def kernel(signature: Signature) -> Callable[[F], F]: ...
def kernel(signature: Any) -> Any:
    """Compile a function on its first call, without the interpreter lock, and keep the machine code on disk.

    Use `@kernel(WEIGHTS)` and `@kernel(SELECT)` for the two kernels of a policy, `@kernel(RECORD)` where it needs its
    own, and plain `@kernel` for the functions that they call. A parameter that a kernel does not use may carry a
    leading underscore. A kernel divides as the hardware does: x / 0 is inf or nan, not an exception.

    Raises:
        TypeError: The function's parameters are not those of its signature, or, on a call, the arguments are not.
    """
    if isinstance(signature, FunctionType):
        whole = _compiled(signature)
        made = part(signature, whole, **OPTIONS)
        made.digest = whole.digest
        return made
    return lambda function: _exact(function, signature)


def _exact(function: Callable[..., Any], signature: Signature) -> Any:
    name = f"{function.__module__}.{function.__qualname__}"
    expected = PARAMETERS[signature]
    described = ", ".join(f"{parameter}: {kind}" for parameter, kind in zip(expected, signature.args, strict=True))
    given = tuple(inspect.signature(function).parameters)
    if tuple(parameter.lstrip("_") for parameter in given) != expected:
        raise TypeError(f"{name}: parameters ({', '.join(given)}) given, must be ({described})")
    dispatcher = _compiled(function, pipeline_class=WithEntrance)

    # Numba calls this when no compiled version fits, and calls what it returns. Left alone it would compile another
    # version for any other types, which takes seconds in the middle of a decision.
    def compile_or_refuse(*arguments: Any) -> Any:
        typeof: Any = numba.typeof
        kinds = tuple(typeof(argument) for argument in arguments)
        if kinds != signature.args:
            raise TypeError(f"{name}: arguments ({', '.join(map(str, kinds))}) given, must be ({described})")
        return dispatcher.compile(signature)

    dispatcher._compile_for_args = compile_or_refuse
    dispatcher.signature = signature
    return dispatcher


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher: Any = numba.njit(**OPTIONS, **options)(function)
    cache.keep(dispatcher, function)
    return dispatcher
