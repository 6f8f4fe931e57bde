"""How many CPU cores this process may use: its affinity, and the quota of its container."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def count_cores(*, cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return the CPU cores that this process may use, at least 1.

    Args:
        cgroups: Where control groups are mounted.
        membership: Names the groups of this process, one a line.
    """
    if hasattr(os, "sched_getaffinity"):
        n_cores = len(os.sched_getaffinity(0))
    else:
        n_cores = os.cpu_count() or 1
    quota = read_cpu_quota(cgroups, membership)
    return max(1, n_cores if quota is None else min(n_cores, math.ceil(quota)))


def read_cpu_quota(cgroups: Path, membership: Path) -> float | None:
    """Return the CPU seconds a second that control groups allow, None where nothing limits them.

    A container is limited by its own group and by each one above it, in version 2 by ``cpu.max``
    and in version 1 by ``cpu.cfs_quota_us``.

    Args:
        cgroups: Where control groups are mounted.
        membership: Names the groups of this process, one a line.
    """
    quotas = [_read_quota(folder) for folder in list_group_folders("cpu", cgroups, membership)]
    return min((quota for quota in quotas if quota is not None), default=None)


def list_group_folders(controller: str, cgroups: Path, membership: Path) -> list[Path]:
    """Return the folders of the control groups that this process is in, and of those above them.

    Args:
        controller: What the groups limit, such as ``cpu`` or ``memory``.
        cgroups: Where control groups are mounted.
        membership: Names the groups of this process, one a line.
    """
    lines = membership.read_text().splitlines() if membership.is_file() else []
    found = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroups / controller if controllers else cgroups
        folder = root / group.lstrip("/")
        # A container sees its own group as the root, though its name is still the host's.
        folders = [root] if not folder.is_dir() else [folder, *folder.parents]
        found += [each for each in folders if each.is_relative_to(root)]
    return found


def _read_quota(folder: Path) -> float | None:
    newer, older = folder / "cpu.max", folder / "cpu.cfs_quota_us"
    if newer.is_file():
        quota, period = newer.read_text().split()
    elif older.is_file():
        quota = older.read_text().strip()
        period = (folder / "cpu.cfs_period_us").read_text().strip()
    else:
        return None
    return None if quota in {"max", "-1"} else int(quota) / int(period)
