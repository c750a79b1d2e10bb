"""Compiled functions by their addresses: what a compiled loop is given to call.

A compiled function that is passed as an argument is looked up by its name, twice, whenever the loop is called, which
takes a hundred microseconds each. An address is a number, and is looked up once.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.typing.templates import Signature
from numba.extending import intrinsic


def address(function: Any, signature: Signature) -> int:
    """Where the machine code of a kernel is, for as long as there is the kernel; compiled if it is not yet.

    Args:
        function: What `kernel` returned.
        signature: The only one that it is compiled for.
    """
    if not hasattr(function, "address"):
        function.compile(signature)
        compiled = function.get_compile_result(signature)
        function.address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    where: int = function.address
    return where


def at(signature: Signature) -> Callable[[int], Callable[..., Any]]:
    """A step of compiled code that makes of an address what can be called, with this signature."""
    kind = types.FunctionType(signature)

    def function(_typing: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            struct_proxy: Any = cgutils.create_struct_proxy
            made = struct_proxy(kind)(context, builder)
            made.jit_addr = builder.inttoptr(values[0], made.jit_addr.type)
            # Or each call would have a second branch, which asks the interpreter for the address.
            builder.assume(builder.icmp_unsigned("!=", values[0], values[0].type(0)))
            return made._getvalue()

        return kind(types.int64), generate

    made: Any = intrinsic(function)
    step: Callable[[int], Callable[..., Any]] = made
    return step
