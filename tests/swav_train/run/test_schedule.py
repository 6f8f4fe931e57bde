import pytest

from swav_train.run.schedule import warmup_cosine


def test_rises_then_falls():
    factors = [warmup_cosine(step / 100, warmup=0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.001)
    assert factors[10] == pytest.approx(1)
    assert factors[55] == pytest.approx(0.5005)
    assert factors[100] == pytest.approx(0.001)
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_no_warmup_starts_at_the_peak():
    assert warmup_cosine(0.0, warmup=0.0) == pytest.approx(1)


def test_progress_beyond_the_ends_is_clipped():
    assert warmup_cosine(1.5) == warmup_cosine(1.0)
    assert warmup_cosine(-1.0) == warmup_cosine(0.0)


@pytest.mark.parametrize("options", [{"warmup": 1.0}, {"warmup": -0.1}, {"floor": 2.0}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match="warmup"):
        warmup_cosine(0.5, **options)
