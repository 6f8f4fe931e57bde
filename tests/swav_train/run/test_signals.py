import signal

import pytest

from swav_train.run.signals import delay_interrupts


@pytest.fixture
def default_handler():
    """Have Ctrl-C interrupt, which a shell that started the tests in the background rules out."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("default_handler")
def test_ctrl_c_waits_until_a_step_is_whole_and_a_second_one_does_not():
    with delay_interrupts() as raise_if_interrupted:
        raise_if_interrupted()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
