"""Functions that kernels call: compiled as parts of them, and optimised there, once.

Numba compiles every function as one that runs by itself: it links what the function calls, optimises all of it, and
writes machine code, although the kernel that calls the function begins again with its own copy. With functions that
call functions that is most of the time. A part is only translated; the kernel that it is linked to optimises it.
"""

from collections.abc import Callable
from typing import Any

import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering

from policies.address import replace_lowering


class _Unfinished(JITCodeLibrary):
    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        find: Any = self._finalize_dynamic_globals
        find()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]
class _Lowering(BaseNativeLowering):
    _name: Any = "lowering_of_a_part"
    lowering_class: Any = Lower

    def run_pass(self, state: Any) -> bool:
        library: Any = _Unfinished
        state.library = library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        run: Any = super().run_pass
        run(state)
        # Numba tells functions apart by what it would call.
        state["cr"] = state["cr"]._replace(cfunc=state.library)
        state.targetctx.insert_user_function(state.library, state["cr"].fndesc, [state.library])
        return True


class _Translator(Compiler):
    def define_pipelines(self) -> Any:
        define: Any = super().define_pipelines
        return replace_lowering(define(), _Lowering)


def part(function: Callable[..., Any], whole: Any, **options: Any) -> Any:
    """A function for kernels to call; called from Python, it is `whole`, the same compiled to run by itself.

    Args:
        function: What `whole` was made of.
        whole: What `numba.njit` made of it.
        options: With which `numba.njit` made it.
    """
    njit: Any = numba.njit
    made = njit(pipeline_class=_Translator, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)

    def translated(result: Any) -> None:
        made.overloads[tuple(result.signature.args)] = result

    def run_by_itself(*arguments: Any) -> Any:
        typeof: Any = numba.typeof
        kinds = tuple(typeof(argument) for argument in arguments)
        entry = whole.compile(kinds)
        made._insert([kind._code for kind in kinds], entry, False)
        return entry

    made.add_overload = translated
    made._compile_for_args = run_by_itself
    return made
