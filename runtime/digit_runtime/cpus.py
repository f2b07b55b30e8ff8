"""The processor: its name, and how many CPUs this process may really use."""

import math
import os
import platform
from pathlib import Path


def usable_cpus() -> int:
    """Return the CPUs that affinity and, on Linux, the cgroup's quota leave; at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity to ask for.
        count = os.cpu_count() or 1
    return max(1, min(count, _cgroup_limit()))


def _cgroup_limit(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the quota of cgroup v2 in whole CPUs, rounded up, or a large number."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # No cgroup v2 here, or "max": no quota.
        return 1 << 30


def cpu_name() -> str:
    """Return what the system calls its processor or board."""
    for path, key in (
        ("/sys/firmware/devicetree/base/model", None),
        ("/proc/cpuinfo", "model name"),
    ):
        try:
            text = Path(path).read_text(errors="replace").rstrip("\0\n")
        except OSError:
            continue
        if key is None:
            return text
        for line in text.splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
