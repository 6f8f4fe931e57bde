import pytest

from swav_train.run.clock import TrainClock, subtract_spent


def ticking(*times):
    """Return a clock that shows these times one after the other."""
    return iter(times).__next__


def test_pauses_between_runs_do_not_count():
    clock = TrainClock(None, read_clock=ticking(100.0, 103.0))
    clock.add_earlier(7.0)
    assert clock.seconds() == 10.0


def test_the_work_after_the_last_step_is_part_of_the_budget():
    clock = TrainClock(60.0, read_clock=ticking(0.0))
    clock.reserve(10.0)
    assert clock.share_spent(25.0) == 0.5
    with pytest.raises(ValueError, match="without a budget"):
        TrainClock(None, read_clock=ticking(0.0)).share_spent(25.0)


@pytest.mark.parametrize("reserved_seconds", [60.0, 61.0, 1e6])
def test_steps_have_half_of_the_budget_however_long_the_work_after_them_takes(reserved_seconds):
    clock = TrainClock(60.0, read_clock=ticking(0.0))
    clock.reserve(reserved_seconds)
    assert clock.reserved_seconds == 30.0
    assert clock.share_spent(15.0) == 0.5
    assert clock.share_spent(31.0) > 1


def test_what_was_spent_before_takes_half_of_a_budget_at_most():
    assert subtract_spent(None, 5.0) is None
    assert subtract_spent(100.0, 5.0) == 95.0
    assert subtract_spent(100.0, 80.0) == 50.0
