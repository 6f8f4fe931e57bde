from threading import Event, active_count

import cv2
import pytest
from threadpoolctl import ThreadpoolController

from curate import parallel
from curate.parallel import one_thread_each, read_ahead


def read(sources, *, n_ahead=3):
    return [list(items) for items in read_ahead(sources, n_ahead=n_ahead, size_of=len)]


def test_items_come_in_the_order_of_their_sources():
    sources = [[f"{one}{other}" for other in range(one)] for one in range(20)]
    assert read(sources) == sources


def test_the_next_sources_are_read_while_the_first_is():
    has_begun = Event()

    def first():
        assert has_begun.wait(20), "the second was not begun"
        yield "first"

    def second():
        has_begun.set()
        yield "second"

    assert read([first(), second()]) == [["first"], ["second"]]


def test_of_items_that_nobody_takes_few_are_read(monkeypatch):
    monkeypatch.setattr(parallel, "_MOST_BYTES", 100 << 10)
    n_read = [0, 0]

    def items(number):
        for _ in range(1000):
            n_read[number] += 1
            yield b"0" * 10_000

    reading = read_ahead([items(0), items(1)], n_ahead=2, size_of=len)
    taken = list(next(reading))
    assert len(taken) == n_read[0] == 1000
    assert n_read[1] <= 6  # 50 kB are four items; one more waits, another is begun


def test_what_fails_is_told_after_what_came_before():
    def items():
        yield "good"
        raise OSError("cut off")

    reading = read_ahead([items(), ["other"]], n_ahead=2, size_of=len)
    first = next(reading)
    assert next(first) == "good"
    with pytest.raises(OSError, match="cut off"):
        next(first)


def test_left_early_it_stops_reading(monkeypatch):
    monkeypatch.setattr(parallel, "_MOST_BYTES", 0)
    before = active_count()
    reading = read_ahead([["a"] * 100 for _ in range(9)], n_ahead=4, size_of=len)
    next(reading)
    reading.close()
    assert active_count() <= before


def test_work_spread_over_images_leaves_one_thread_to_each():
    before = cv2.getNumThreads(), blas_threads()
    with one_thread_each():
        within = cv2.getNumThreads(), blas_threads()
    assert within[0] == 1
    assert set(within[1]) <= {1}
    assert (cv2.getNumThreads(), blas_threads()) == before


def blas_threads():
    own = ThreadpoolController().select(threading_layer="pthreads")
    return [library["num_threads"] for library in own.info()]
