"""Design, tests and estimates: pure functions of numbers and arrays, which know nothing of storage.

Modules are imported by name (`from bandit.statistics import proportions`) and only where one is needed: they load
scipy, which deciding must not pay for.
"""
