"""Images that kill the worker that works on them, in each process that an engine starts."""

import sys

SITE = """
import os, signal, sys

COMMAND = " ".join(sys.orig_argv)
IS_WORKER = any(name in COMMAND for name in ("spawn_main", "default_worker"))

def die_of(images):
    if {marked!r} in images:
        with open({deaths!r}, "a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

{code}
"""

EMBEDDING = """
if IS_WORKER:
    import curate.workspace.embedding_shards as module
    plain = module.open_worker
    class Worker:  # loads its model late: none of the many that die waits for torch
        def __init__(self, *arguments):
            self._arguments, self._worker = arguments, None
        def work(self, items):
            die_of(items["hash"].to_pylist())
            self._worker = self._worker or plain(*self._arguments)
            return self._worker.work(items)
    module.open_worker = Worker
"""

KEYPOINTS = """
if IS_WORKER:
    import curate.copies.sharded.keypoints as module
    plain = module._KeypointWorker.work
    def work(self, items):
        die_of(items["hash"].to_pylist())
        return plain(self, items)
    module._KeypointWorker.work = work
"""

FIRST_LOOK = """
if IS_WORKER:
    import numpy as np
    import curate.copies.sharded.pairs as module
    plain = module._FirstLookWorker.__init__
    def begin(self, images):
        plain(self, images)
        verify = self._verifier.verify
        def verify_all(a, b, method):
            die_of(images.store.list_hashes(np.concatenate([a, b])))
            return verify(a, b, method)
        self._verifier.verify = verify_all
    module._FirstLookWorker.__init__ = begin
"""

FILES = """
if IS_WORKER:
    import curate.copies.sharded.pairs as module
    plain = module._CloseLookWorker._read_file
    def read_file(self, slot):
        die_of([self._places[slot]["hash"]])
        return plain(self, slot)
    module._CloseLookWorker._read_file = read_file
"""

DECODER = """
if "decode_worker" in COMMAND:
    import hashlib
    import curate.images.decode_here as module
    plain = module.decode_here
    def decode_here(raw, wish):
        if wish.short_side is None:
            die_of([hashlib.sha256(raw).hexdigest()])
        return plain(raw, wish)
    module.decode_here = decode_here
"""


class Poison:
    """Kills what works on one image, and counts how often."""

    def __init__(self, folder, marked, code, monkeypatch):
        self._deaths = folder / "deaths"
        (folder / "site").mkdir()
        text = SITE.format(marked=marked, deaths=str(self._deaths), code=code)
        (folder / "site/sitecustomize.py").write_text(text)
        path = [str(folder / "site"), *filter(None, sys.path)]
        monkeypatch.setenv("PYTHONPATH", ":".join(path))

    @property
    def n_deaths(self):
        return len(self._deaths.read_text()) if self._deaths.exists() else 0
