from pathlib import Path

import numpy as np
import pytest
import torch

from tests.swav_train.swav_samples import photo_pieces

ORACLES = Path(__file__).parent / "oracles"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def oracle():
    return lambda name: np.load(ORACLES / f"{name}.npz")


@pytest.fixture(scope="session")
def pieces():
    return photo_pieces(30, 32)
