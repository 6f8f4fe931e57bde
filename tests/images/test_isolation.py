import sys

import pytest

from curate.images.isolation import DecoderPool

ANSWERS = (
    "import sys; from curate.images.isolation import receive, send\n"
    "while (question := receive(sys.stdin.buffer)) is not None:\n"
    "    {body}\n"
    "    send(sys.stdout.buffer, {{'length': len(question[1])}}, question[1][::-1])"
)


@pytest.fixture
def pool():
    pools = []

    def make(body, **options):
        command = [sys.executable, "-c", ANSWERS.format(body=body)]
        pools.append(DecoderPool(command, **options))
        return pools[-1]

    yield make
    for one in pools:
        one.stop()


def test_bytes_go_there_and_back(pool):
    one = pool("pass")
    assert one.ask({"task": "x"}, b"abc") == ({"length": 3}, b"cba")
    assert one.ask({"task": "x"}, b"") == ({"length": 0}, b"")


def test_a_decoder_that_dies_costs_one_file(pool):
    one = pool("import os; question[1] == b'bad' and os.kill(os.getpid(), 11)")
    assert one.ask({}, b"bad") == ({"reason": "its decoder died (SIGSEGV)"}, b"")
    assert one.ask({}, b"good")[1] == b"doog"


def test_a_decoder_that_hangs_costs_one_file(pool):
    one = pool("import time; question[1] == b'bad' and time.sleep(60)", timeout_seconds=2)
    assert one.ask({}, b"bad") == ({"reason": "its decoder took more than 2 seconds"}, b"")
    assert one.ask({}, b"good")[1] == b"doog"
