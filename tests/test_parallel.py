from threading import Event, active_count

import cv2
import pytest
from threadpoolctl import ThreadpoolController

from curate import parallel
from curate.parallel import fetch_ahead, one_thread_each, ordered_map, read_ahead


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


def test_results_come_in_the_order_of_their_items_and_failures_in_their_place():
    def halve(number):
        if number == 50:
            raise OSError("fifty")
        return number / 2

    halves = ordered_map(halve, range(100), ahead=7, n_threads=3)
    assert [next(halves) for _ in range(50)] == [number / 2 for number in range(50)]
    with pytest.raises(OSError, match="fifty"):
        next(halves)


def test_left_early_it_ends_what_has_begun_and_begins_nothing():
    may_end, done = Event(), []

    def work(number):
        assert number == 0 or may_end.wait(20)
        done.append(number)

    before = active_count()
    results = ordered_map(work, range(100), ahead=9, n_threads=2)
    next(results)
    may_end.set()
    results.close()
    assert len(done) < 100
    assert active_count() <= before


def interrupted(before):
    yield from before
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "spread",
    [
        lambda wait: ordered_map(wait, interrupted([1])),
        lambda wait: fetch_ahead(wait, interrupted([1]), n_threads=2, size_of=int),
        lambda wait: read_ahead(interrupted([map(wait, [1])]), n_ahead=2, size_of=int),
    ],
)
def test_an_interrupt_does_not_wait_for_what_never_ends(monkeypatch, spread):
    monkeypatch.setattr(parallel, "_LAST_SECONDS", 0.01)
    may_end, ended = Event(), []

    def wait(number):
        may_end.wait(20)
        ended.append(number)
        return number

    with pytest.raises(KeyboardInterrupt):
        list(spread(wait))
    assert ended == []
    may_end.set()


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
