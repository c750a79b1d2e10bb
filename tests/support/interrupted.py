"""An operation of an engine that is killed before each of its steps in turn: the statements that it asks of SQLite.

    python interrupted.py FILE NOW VERB ARGUMENTS

leaves, and prints the names of, `FILE-0`, `FILE-1` and so on: copies of FILE in which a process was killed before its
first step, its second, and at last one in which nobody was. The arguments are those of the verb, as an object in JSON.
"""

import json
import os
import shutil
import signal
import sys

from bandit import Engine
from bandit.sqlite import SQLiteStore


def run(file, now, verb, arguments, last):
    """Does it, in a process of its own, and ends that before the step after `last`; whether it came to its end."""
    child = os.fork()
    if child == 0:
        steps = iter(range(last))
        armed = []

        def traced(statement):
            if armed and next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        def connect(self, original=SQLiteStore._connect):
            connection = original(self)
            connection.set_trace_callback(traced)
            return connection

        SQLiteStore._connect = connect
        engine = Engine(file, clock=lambda: now, seed=3)
        armed.append(True)
        getattr(engine, verb)(**arguments)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(file, now, verb, arguments):
    """Does it again and again, one step further each time."""
    Engine(file, clock=lambda: float(now)).close()  # compiles what all of them need
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        copy = f"{file}-{step}"
        shutil.copy(file, copy)
        code = run(copy, float(now), verb, json.loads(arguments), step)
        sys.stdout.write(f"{copy}\n")
        sys.stdout.flush()
        step += 1
    sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
