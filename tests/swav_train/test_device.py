import pytest
import torch

from swav_train.config import Precision
from swav_train.device import resolve_device, resolve_precision

CPU = torch.device("cpu")


def test_precision_and_device_have_names():
    assert resolve_device("cpu") == CPU
    assert resolve_precision(Precision.FLOAT32, CPU) == torch.float32
    assert resolve_precision(Precision.BFLOAT16, CPU) == torch.bfloat16
    assert resolve_precision(Precision.AUTO, CPU) in {torch.float32, torch.bfloat16}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device_is_refused():
    with pytest.raises(ValueError, match="cuda"):
        resolve_device("cuda")
