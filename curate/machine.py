"""What of the machine may be used: cores and memory, as the container and the user allow."""

import os
from dataclasses import dataclass
from pathlib import Path

from curate.errors import UsageError

MEMORY_A_WORKER = 840 << 20
"""Bytes that a thread which decodes pictures may take: 835 MB were measured for a WebP of 40
million pixels, the largest that is not read alone, 553 MB for a PNG and 4 MB for a JPEG of that
size (``tests/benchmarks/decode_memory.py``)."""

MEMORY_AT_REST = 950 << 20
"""Bytes that the program takes before it reads pictures: 946 MB were the peak of a process that
imported PyTorch, timm, FAISS and Arrow, their shared libraries counted."""

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What the user allows.

    Attributes:
        jobs: Threads at most, >= 1; None for one a core.
        memory_bytes: Memory to plan for; None for all that the container or machine has.
    """

    jobs: int | None = None
    memory_bytes: int | None = None


_limits = Limits()


def set_limits(limits: Limits) -> None:
    """Keep to limits from now on, in this process and those that it starts.

    Libraries read their number of threads when they are first imported, so this comes before.
    """
    global _limits
    _limits = limits
    n_cores = count_cores()
    for name in _THREAD_VARIABLES:
        if limits.jobs is not None:
            os.environ[name] = str(n_cores)
        elif n_cores < (os.cpu_count() or 1):
            os.environ.setdefault(name, str(n_cores))


def count_cores() -> int:
    """Return how many threads may work, at least 1."""
    from swav_train import cores

    n_cores = cores.count_cores()
    return min(n_cores, _limits.jobs) if _limits.jobs is not None else n_cores


def count_decoders() -> int:
    """Return how many threads may decode pictures within the memory, at least 1."""
    spare = memory_bytes() - MEMORY_AT_REST
    return max(1, min(count_cores(), spare // MEMORY_A_WORKER))


def memory_bytes() -> int:
    """Return the memory to plan for: what is allowed, or the container or machine has."""
    if _limits.memory_bytes is not None:
        return _limits.memory_bytes
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    quota = read_memory_quota(_CGROUPS, _MEMBERSHIP)
    return installed if quota is None else min(installed, quota)


def read_memory_quota(cgroups: Path, membership: Path) -> int | None:
    """Return the bytes that control groups allow, None where nothing limits them.

    A container is limited by its own group and by each one above it, in version 2 by
    ``memory.max`` and in version 1 by ``memory.limit_in_bytes``.

    Args:
        cgroups: Where control groups are mounted.
        membership: Names the groups of this process, one a line.
    """
    from swav_train.cores import list_group_folders

    quotas = [_read_quota(folder) for folder in list_group_folders("memory", cgroups, membership)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _read_quota(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        if (folder / name).is_file():
            text = (folder / name).read_text().strip()
            return int(text) if text.isdigit() else None
    return None


def parse_bytes(text: str) -> int:
    """Return the bytes in ``2G``, ``1500MB`` or ``2 GiB``; units are powers of 1024.

    Raises:
        UsageError: The text has another form.
    """
    plain = text.strip().upper().removesuffix("B").removesuffix("I").strip()
    number, unit = (plain[:-1], plain[-1]) if plain[-1:] in _UNITS and plain else (plain, "")
    try:
        n_bytes = int(float(number) * _UNITS[unit])
    except ValueError:
        n_bytes = 0
    if n_bytes < 1:
        raise UsageError(f"{text!r} is no amount of memory", hint="write 2G or 1500M")
    return n_bytes
