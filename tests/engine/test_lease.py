import json
import os
import subprocess
import sys

import pytest

from curate.engine import lease as lease_module
from curate.engine.lease import LEASES, Lease
from curate.engine.store import open_store
from curate.errors import ResourceError
from curate.progress import Silent


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def test_a_second_driver_is_refused_while_the_first_works(store, monkeypatch):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.05)
    first = Lease(store, Silent())
    with pytest.raises(ResourceError, match=f"worked on by process {os.getpid()} on"):
        Lease(store, Silent(), stale_seconds=2)
    first.release()


def test_a_store_that_was_given_back_is_taken_at_once(store):
    Lease(store, Silent()).release()
    Lease(store, Silent(), stale_seconds=60).release()
    for _ in range(3):
        Lease(store, Silent()).release()
    assert list(store.list_keys(LEASES)) == ["lease/000004", "lease/000005"]


def hold(store, **facts):
    """Leave a lease as a driver that was killed does."""
    holder = {"pid": 1, "host": "elsewhere", "started": None, "since": "now"} | facts
    store.put("beat/000001", b"7")
    store.put_new(f"{LEASES}000001", json.dumps(holder).encode())


def test_a_lease_that_nobody_renews_is_taken_over(store):
    hold(store)
    Lease(store, Silent(), stale_seconds=0.3).release()


def test_a_holder_that_died_on_this_machine_is_not_waited_for(store):
    import socket

    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    hold(store, pid=int(done.stdout), host=socket.gethostname(), started="1")
    Lease(store, Silent(), stale_seconds=600).release()


def test_a_driver_that_was_taken_over_stops(store, monkeypatch):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.05)
    lease = Lease(store, Silent())
    lease.check()
    store.put_new(f"{LEASES}000002", b"{}")
    lease._beats.join(timeout=5)
    with pytest.raises(ResourceError, match="another process has taken over"):
        lease.check()
