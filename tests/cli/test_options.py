import pytest

from curate.amounts import format_bytes, format_duration
from curate.cli.options import parse_duration, parse_numbers
from curate.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), ("2M", 120)],
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0s", "5d", "m"])
def test_other_texts_are_no_duration(text):
    with pytest.raises(UsageError):
        parse_duration(text)


def test_whole_numbers_are_read_in_their_order():
    assert parse_numbers("1000,100, 10") == (1000, 100, 10)


@pytest.mark.parametrize("text", ["", "many", "1.5", "1,,2"])
def test_other_texts_are_no_numbers(text):
    with pytest.raises(UsageError, match="not a list of whole numbers"):
        parse_numbers(text)


def test_durations_and_sizes_are_shown_for_people():
    durations = [format_duration(seconds) for seconds in (0.5, 42, 482, 3900)]
    assert durations == ["0.5s", "42s", "8m 02s", "1h 05m"]
    sizes = [format_bytes(n_bytes) for n_bytes in (12, 1200, 3.4e9, 5e12)]
    assert sizes == ["12 B", "1.2 kB", "3.4 GB", "5.0 TB"]
