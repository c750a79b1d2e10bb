"""Simulations of the shipped policies, compiled; published studies; replay of real logs.

`simulate` runs policies in an environment; `simulations.command` is the same on the command line.
"""

from simulations.environment import Environment
from simulations.environments import ENVIRONMENTS
from simulations.signatures import ADVANCE, DRAW
from simulations.simulation import Outcome, simulate

__all__ = ["ADVANCE", "DRAW", "ENVIRONMENTS", "Environment", "Outcome", "simulate"]
