"""A killed chain goes on and ends with the same manifests; `benchmarks/kills.py` is longer."""

import numpy as np
import pytest

from tests.benchmarks.kills import CHAIN, Chain, measure_seconds, run_killed
from tests.conftest import make_folder


@pytest.mark.slow
def test_a_chain_of_which_each_command_was_killed_ends_the_same(tmp_path):
    images = make_folder(tmp_path / "images")
    whole, killed = Chain(tmp_path / "whole", images), Chain(tmp_path / "killed", images)
    seconds = measure_seconds(whole)
    # twice each: where the machine was busier when it was measured a command may end before
    counts = run_killed(killed, seconds, np.random.default_rng(0), kills=2)
    assert len(counts) > len(CHAIN) // 2
    assert killed.results() == whole.results()
