import torch

from swav_train.run import thread_choice
from swav_train.run.thread_choice import (
    choose_threads,
    keeping_threads,
    list_thread_counts,
    with_fastest_threads,
)


def test_all_cores_and_fewer_are_tried():
    assert [list_thread_counts(n) for n in (1, 2, 6)] == [[1], [2, 1], [6, 3, 1]]


def test_the_number_with_which_work_is_fastest_is_kept():
    seconds = {2: iter([9.0, 8.0]), 1: iter([5.0, 0.5])}
    with keeping_threads():
        chosen = choose_threads([2, 1], lambda: next(seconds[torch.get_num_threads()]))
        assert chosen == (1, 0.5)
        assert torch.get_num_threads() == 1


def test_one_slow_look_does_not_decide():
    seconds = {2: iter([100.0, 1.0]), 1: iter([2.0, 2.0])}
    with keeping_threads():
        assert choose_threads([2, 1], lambda: next(seconds[torch.get_num_threads()])) == (2, 1.0)


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    with keeping_threads():
        torch.set_num_threads(before + 1)
    assert torch.get_num_threads() == before


def test_a_block_runs_with_the_fastest_threads_and_gives_back_the_others(monkeypatch):
    seconds = {2: 9.0, 1: 0.5}
    spent = [0.0]
    monkeypatch.setattr(thread_choice, "count_cores", lambda: 2)
    monkeypatch.setattr(thread_choice.time, "monotonic", lambda: spent[0])

    def work():
        spent[0] += seconds[torch.get_num_threads()]

    with keeping_threads():
        torch.set_num_threads(2)
        with with_fastest_threads(torch.device("cpu"), work):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with with_fastest_threads(torch.device("cuda"), work):
            assert torch.get_num_threads() == 2
