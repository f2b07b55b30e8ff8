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


def cpuinfo(path: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return what Linux says of the first core; empty where there is no word of it.

    An emulator, and so a container for another architecture, may show its host's file,
    which tells nothing of the CPU that programs see.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    fields: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip():
            fields.setdefault(key.strip(), value.strip())
    foreign = "flags" if platform.machine().startswith(("arm", "aarch64")) else "Features"
    return {} if foreign in fields else fields


def cpu_name() -> str:
    """Return what the system calls its processor or board."""
    board = Path("/sys/firmware/devicetree/base/model")
    try:
        return board.read_text(errors="replace").rstrip("\0\n")
    except OSError:
        return cpuinfo().get("model name") or platform.processor() or platform.machine()
