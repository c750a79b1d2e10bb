"""Room on the stack for the numbers that a kernel works out in between.

`numpy.empty` asks the system for memory, which takes as long as the decision of a cheap policy.
"""

from typing import Any

from llvmlite import ir
from numba import float64, types
from numba.core import cgutils
from numba.extending import intrinsic

SIZE = 32
"""The numbers that there is room for."""


def _room(_typing: Any) -> Any:
    kind = types.Array(float64, 1, "C")

    def generate(context: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        proxy: Any = cgutils.create_struct_proxy
        once: Any = cgutils.alloca_once
        length = ir.Constant(ir.IntType(64), SIZE)
        made = proxy(kind)(context, builder)
        context.populate_array(
            made,
            data=builder.bitcast(once(builder, ir.ArrayType(ir.DoubleType(), SIZE)), ir.DoubleType().as_pointer()),
            shape=(length,),
            strides=(ir.Constant(ir.IntType(64), 8),),
            itemsize=ir.Constant(ir.IntType(64), 8),
            meminfo=None,
        )
        return made._getvalue()

    return kind(), generate


room: Any = intrinsic(_room)
"""A step of compiled code: an array of SIZE numbers, of any value, as long as the function that asks runs."""
