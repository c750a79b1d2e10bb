"""Compiled functions by their addresses: what a compiled loop is given to call.

A compiled function that is passed as an argument is looked up by its name, twice, whenever the loop is called, which
takes a hundred microseconds each. An address is a number, and is looked up once.

An array is passed as seven numbers or more, so that a call with four of them writes forty to the stack, which takes as
long as a cheap policy. A kernel therefore has an entrance where the place of an array's description is passed, one
number that a loop finds out once (`place`).
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering, NativeLowering
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

ENTRANCE = ".entrance"
"""What the name of a kernel's entrance ends with."""


def by_place(signature: Signature) -> Signature:
    """The signature of a kernel's entrance: places instead of arrays and generators."""
    passed: Signature = signature.return_type(*(types.int64 if _has_place(kind) else kind for kind in signature.args))
    return passed


def _has_place(kind: Any) -> bool:
    return isinstance(kind, types.Array | types.NumPyRandomGeneratorType)


class _WithEntrance(Lower):
    def create_cfunc_wrapper(self) -> None:
        create: Any = super().create_cfunc_wrapper
        create()
        context, described = self.context, self.fndesc
        convention, kinds, returned = context.call_conv, described.argtypes, described.restype
        module = context.create_module("entrance")

        def declared(name: str, passed: Any) -> ir.Function:
            return ir.Function(module, convention.get_function_type(returned, passed), name)

        kernel = declared(described.llvm_func_name, kinds)
        entrance = declared(described.llvm_func_name + ENTRANCE, by_place(returned(*kinds)).args)
        builder = ir.IRBuilder(entrance.append_basic_block())
        arguments = [
            _found(context, builder, kind, given) if _has_place(kind) else given
            for kind, given in zip(kinds, convention.get_arguments(entrance), strict=True)
        ]
        status, value = convention.call_function(builder, kernel, returned, kinds, arguments, attrs=("alwaysinline",))
        with builder.if_then(status.is_error, likely=False):
            convention.return_status_propagate(builder, status)
        convention.return_value(builder, value)
        self.library.add_ir_module(module)


def _found(context: Any, builder: ir.IRBuilder, kind: Any, given: ir.Value) -> Any:
    proxy: Any = cgutils.create_struct_proxy
    pointer = builder.inttoptr(given, context.get_value_type(kind).as_pointer())
    found = proxy(kind)(context, builder, value=builder.load(pointer))
    # Who calls keeps it. Without an owner no references are counted, which takes as long as a cheap policy.
    found.meminfo = found.meminfo.type(None)
    return found._getvalue()


@register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]
class _Lowering(BaseNativeLowering):
    _name: Any = "lowering_with_entrance"
    lowering_class: Any = _WithEntrance


class WithEntrance(Compiler):
    """The compiler of kernels that loops call: the usual one, which writes an entrance too."""

    def define_pipelines(self) -> Any:
        """Its passes."""
        define: Any = super().define_pipelines
        return replace_lowering(define(), _Lowering)


def replace_lowering(pipelines: Any, lowering: type) -> Any:
    """The compiler's pipelines with another pass in place of the one that makes functions."""
    for pipeline in pipelines:
        pipeline.passes = [(lowering if each is NativeLowering else each, what) for each, what in pipeline.passes]
        pipeline._finalized = False
        pipeline.finalize()
    return pipelines


def _place(_typing: Any, kind: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        once: Any = cgutils.alloca_once_value
        return builder.ptrtoint(once(builder, values[0]), ir.IntType(64))

    return types.int64(kind), generate


place: Any = intrinsic(_place)
"""A step of compiled code: where an array or a generator is described, as long as the function that asks has it."""


def address(function: Any, signature: Signature) -> int:
    """Where the entrance of a kernel is, for as long as there is the kernel; compiled if it is not yet.

    Args:
        function: What `kernel` returned.
        signature: The only one that it is compiled for.
    """
    if not hasattr(function, "address"):
        function.compile(signature)
        compiled = function.get_compile_result(signature)
        function.address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name + ENTRANCE)
    where: int = function.address
    return where


def at(signature: Signature) -> Callable[[int], Callable[..., Any]]:
    """A step of compiled code that makes of a kernel's address what can be called, with places instead of arrays."""
    kind = types.FunctionType(by_place(signature))

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
