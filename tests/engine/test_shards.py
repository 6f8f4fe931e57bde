from contextlib import contextmanager

import pyarrow as pa
import pytest

from curate.engine.base import Failure, FailureKind, Outcome, Task
from curate.engine.in_process import InProcess
from curate.engine.lease import Lease
from curate.engine.shards import Engine
from curate.engine.sharing import share_files
from curate.engine.spawn_pool import SpawnPool
from curate.engine.store import open_store
from curate.errors import ResourceError
from curate.progress import Silent


def squares(**settings):
    return Task(opener="tests.engine.workers:open_squares", settings=settings)


def shards(n=12, size=4):
    return [pa.table({"number": range(k, min(k + size, n))}) for k in range(0, n, size)]


@contextmanager
def an_engine(folder, back_end):
    store = open_store(str(folder))
    lease = Lease(store, Silent())
    try:
        yield Engine(store, back_end, Silent(), lease)
    finally:
        back_end.close()
        lease.release()


def read(results):
    results = list(results)
    rows = [row for one in results for row in one.rows.to_pydict().get("square", [])]
    failed = {
        one.items["number"][number].as_py(): failure
        for one in results
        for number, failure in one.failed.items()
    }
    return rows, failed


def test_results_come_in_the_order_of_the_shards(tmp_path):
    with an_engine(tmp_path, SpawnPool(2)) as engine:
        rows, failed = read(engine.map_shards(squares(), shards()))
    assert rows == [number**2 for number in range(12)]
    assert failed == {}


def test_of_a_shard_that_raises_only_the_bad_item_is_lost(tmp_path):
    with an_engine(tmp_path, InProcess()) as engine:
        rows, failed = read(engine.map_shards(squares(raises=[5]), shards()))
    assert rows == [number**2 for number in range(12) if number != 5]
    assert failed == {5: Failure(FailureKind.RAISED, "ValueError: no square (4 times)")}
    # 2 whole shards, 4 tries of the third, a half that fails, 4 tries of the item, 2 good parts
    assert engine.n_run == 2 + 4 + 1 + 4 + 2


def test_an_item_that_kills_its_process_is_found(tmp_path):
    with an_engine(tmp_path, SpawnPool(2)) as engine:
        rows, failed = read(engine.map_with_worker(squares(kills=[9]), shards()))
    assert rows == [number**2 for number in range(12) if number != 9]
    assert [(number, one.kind) for number, one in failed.items()] == [(9, FailureKind.DIED)]


def test_a_later_driver_runs_only_what_is_not_finished(tmp_path):
    with an_engine(tmp_path, InProcess()) as engine:
        results = engine.map_shards(squares(), shards())
        next(results)
        n_before = engine.n_run
        results.close()
    with an_engine(tmp_path, InProcess()) as engine:
        rows, _ = read(engine.map_shards(squares(), shards(n=40)))
        assert engine.n_run <= 10 - 1
    assert n_before >= 1
    assert rows == [number**2 for number in range(40)]


def test_other_settings_have_other_results(tmp_path):
    with an_engine(tmp_path, InProcess()) as engine:
        read(engine.map_shards(squares(), shards()))
        _, failed = read(engine.map_shards(squares(raises=[0]), shards()))
    assert list(failed) == [0]


class LosesFirst(InProcess):
    """A back end whose machine is gone with the first jobs."""

    def __init__(self, n):
        super().__init__()
        self.n_left = n

    def poll(self, seconds):
        if self.n_left and self._jobs:
            self.n_left -= 1
            return [Outcome(self._jobs.popleft(), Failure(FailureKind.LOST, "node is gone"))]
        return super().poll(seconds)


def test_shards_lost_with_their_machine_are_run_again_and_never_blamed(tmp_path):
    with an_engine(tmp_path, LosesFirst(9)) as engine:
        rows, failed = read(engine.map_shards(squares(), shards()))
        assert engine.n_again == 9
    assert rows == [number**2 for number in range(12)]
    assert failed == {}


def test_what_the_machine_lacks_is_no_fault_of_an_image(tmp_path, monkeypatch):
    monkeypatch.setattr("curate.engine.worker.PAUSE_SECONDS", 0)
    with an_engine(tmp_path / "store", InProcess()) as engine:
        task = squares(is_full=str(tmp_path / "mark"))
        rows, failed = read(engine.map_shards(task, shards(n=4)))
        assert engine.n_run == 2
    assert (rows, failed) == ([0, 1, 4, 9], {})


class Hangs(InProcess):
    """A back end that forgets its first jobs until it is started anew."""

    def __init__(self):
        super().__init__()
        self.forgotten = []

    def submit(self, job):
        self.forgotten.append(job)

    def restart(self):
        for job in self.forgotten:
            super().submit(job)


def test_what_nobody_works_on_any_more_is_begun_again(tmp_path, monkeypatch):
    monkeypatch.setattr("curate.engine.shards._LOOK_SECONDS", 0.0)
    monkeypatch.setattr("curate.engine.shards._STALLED_SECONDS", 0.1)
    with an_engine(tmp_path, Hangs()) as engine:
        rows, failed = read(engine.map_shards(squares(), shards()))
    assert rows == [number**2 for number in range(12)]
    assert failed == {}


def test_workers_that_cannot_start_end_the_run_with_the_reason(tmp_path):
    with (
        an_engine(tmp_path, InProcess()) as engine,
        pytest.raises(ResourceError, match="the workers cannot start: OSError: no disk here"),
    ):
        read(engine.map_shards(squares(fails=True), shards()))


def test_workers_that_die_before_they_begin_are_no_fault_of_an_item(tmp_path):
    with (
        an_engine(tmp_path, SpawnPool(1)) as engine,
        pytest.raises(ResourceError, match="the workers cannot start: the process"),
    ):
        read(engine.map_shards(squares(dies=True), shards()))


def test_workers_get_shared_files(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_SCRATCH", str(tmp_path / "scratch"))
    (tmp_path / "word").write_text("kept")
    with an_engine(tmp_path / "store", InProcess()) as engine:
        files = share_files(engine.store, {"word.txt": tmp_path / "word"})
        task = Task(opener="tests.engine.workers:open_reader", settings={}, files=files)
        (result,) = engine.map_shards(task, shards(n=2))
    assert result.rows["word"].to_pylist() == ["kept", "kept"]


def test_what_is_in_the_workspace_is_cleared_from_the_store(tmp_path):
    with an_engine(tmp_path, InProcess()) as engine:
        read(engine.map_shards(squares(), shards()))
        engine.clear()
        assert [list(engine.store.list_keys(one)) for one in ("in/", "out/", "tasks/")] == [[]] * 3


def test_what_else_lies_where_the_store_is_stays(tmp_path):
    theirs = [tmp_path / name / "mine.txt" for name in ("in", "out", "tasks", "work", "lease")]
    for path in theirs:
        path.parent.mkdir()
        path.write_text("mine")
    with an_engine(tmp_path, InProcess()) as engine:
        assert len(read(engine.map_shards(squares(), shards()))[0]) == 12
        engine.clear()
    assert [path.read_text() for path in theirs] == ["mine"] * len(theirs)
