import signal
import subprocess
import sys

import pytest

PROGRAM = """
import time
from curate.cli.app import build_app, main

def wait():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("saved", flush=True)

def pass_time():
    "A second command: with one alone there are no names."

main(["wait"], program=build_app([wait, pass_time]))
"""


def end(*, before=""):
    """Return the exit code and output of a command that is told to end while it works."""
    process = subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=60)
    return process.returncode, out, said


@pytest.mark.parametrize(
    "before", ["", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"]
)
def test_a_command_that_is_told_to_end_saves_what_it_did(before):
    code, out, said = end(before=before)

    assert (code, out) == (130, "saved\n")
    assert said.startswith("error: interrupted\nhint: ")


def test_a_handler_of_somebody_else_stays():
    theirs = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"

    assert end(before=theirs)[0] == 7
