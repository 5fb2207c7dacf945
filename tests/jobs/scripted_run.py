"""Runs in processes of their own, which tests end in many ways.

Each line of the standard input is a JSON object. One of options forks this process, which has imported everything, for
a run; the answer is the number of the process. ``{"wait": number}`` waits for its end; the answer is its exit code.
"""

import json
import os
import sys

import joblib
import numpy as np
from odd_steps import FillsTheDisk, Moody

from skimgfeat.jobs import Interrupted, extract

N_CHUNKS = 50
SIZE = 4


def images():
    X = np.random.default_rng(0).integers(2, 200, (SIZE * N_CHUNKS - 1, 20, 20), dtype=np.uint8)
    X[100, 0, 0] = 1
    return X


def run(output, n_jobs=2, processes=True, full=None):
    if full:
        os.environ["DISK_IS_FULL"] = "1"
    estimator = Moody(delay=0.01) if full is None else FillsTheDisk()
    with joblib.parallel_config("loky" if processes else "threading", n_jobs=n_jobs):
        return extract(estimator, images(), output, chunk_size=SIZE, progress=False)


def report(output, **options):
    """Run in a fork, and say in a file how it ended: its account, or the error."""
    code, told = 0, {}
    try:
        told = run(output=output, **options).to_dict()
    except Interrupted as interruption:
        code, told = 130, interruption.account.to_dict()
    except OSError as error:
        told = {"error": type(error).__name__, "errno": error.errno}
    with open(f"{output}.json", "w") as file:
        json.dump(told, file)
    return code


def fork(command):
    """Start a run; what it prints goes to a file."""
    child = os.fork()
    if child == 0:
        for stream in (1, 2):
            os.dup2(os.open(f"{command['output']}.printed", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream)
        os._exit(report(**command))
    return child


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            print(os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1]), flush=True)
        else:
            print(fork(command), flush=True)


if __name__ == "__main__":
    main()
