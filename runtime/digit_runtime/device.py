"""What a device says of itself, as far as it matters for inference; None where unknown.

Nothing here raises: a board or an operating system that nobody has met yet answers some
questions with None.
"""

import math
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOST_THREADS: Final = 1024
"""More is a slip of the pen: no device of this kind has as many CPUs."""

# The instructions that multiply 8-bit numbers, and those without which engines are slow
# or do not start, by the names that Linux gives them.
_X86_FLAGS: Final = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8")
_ARM_FLAGS: Final = ("asimd", "neon", "asimddp", "i8mm")
_VNNI: Final = {"avx_vnni", "avx512_vnni"}
_MACOS_FLAGS: Final = {
    "hw.optional.AdvSIMD": "asimd",
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.avx2_0": "avx2",
    "hw.optional.avx512f": "avx512f",
    "hw.optional.avx512vnni": "avx512_vnni",
}


@dataclass(frozen=True)
class Machine:
    """One device and the Python that runs on it. Sizes are in bytes."""

    cpu: str
    architecture: str
    """Of the kernel, such as "x86_64" or "aarch64"."""
    flags: tuple[str, ...] | None
    """Of those instruction sets that matter, the ones that the CPU has."""
    usable_cpus: int
    cpus: int | None
    memory: int | None
    available_memory: int | None
    system: str
    python: str
    python_version: tuple[int, int]
    python_bits: int
    musl: bool
    """Whether the C library is musl (Alpine), for which engines have no wheels."""

    @property
    def is_x86(self) -> bool:
        """Whether the CPU is an Intel or AMD one."""
        return self.architecture.lower() in ("x86_64", "amd64", "i386", "i586", "i686", "x86")

    @property
    def is_arm(self) -> bool:
        """Whether the CPU is an Arm one."""
        return self.architecture.lower().startswith(("arm", "aarch64"))

    @property
    def has_vnni(self) -> bool | None:
        """Whether an x86 CPU adds four 8-bit products exactly, in one instruction."""
        return None if self.flags is None else not _VNNI.isdisjoint(self.flags)

    @property
    def has_dot_product(self) -> bool | None:
        """The same for an Arm CPU."""
        return None if self.flags is None else "asimddp" in self.flags


def look() -> Machine:
    """Return what this device says of itself."""
    # Not above, for every prediction imports this module to count CPUs.
    import struct
    import sysconfig

    memory = read_meminfo(Path("/proc/meminfo"))
    return Machine(
        cpu=cpu_name(),
        architecture=platform.machine(),
        flags=instructions(),
        usable_cpus=usable_cpus(),
        cpus=os.cpu_count(),
        memory=memory.get("MemTotal", _physical_memory()),
        available_memory=memory.get("MemAvailable"),
        system=platform.platform(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        python_version=sys.version_info[:2],
        python_bits=8 * struct.calcsize("P"),
        musl="musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")),
    )


def instructions() -> tuple[str, ...] | None:
    """Return those of the instruction sets that matter which this CPU has; None if unknown."""
    if sys.platform == "darwin":
        return tuple(flag for name, flag in _MACOS_FLAGS.items() if sysctl(name) == "1")
    told = cpuinfo()
    flags = told.get("flags", told.get("Features"))  # So called on x86, and on Arm.
    if flags is None:
        return None
    have = set(flags.split())
    return tuple(flag for flag in (*_X86_FLAGS, *_ARM_FLAGS) if flag in have)


def read_meminfo(meminfo: Path) -> Mapping[str, int]:
    """Return MemTotal and MemAvailable in bytes, as far as Linux tells."""
    found = {}
    try:
        for line in meminfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            number, *unit = value.split()
            if key in ("MemTotal", "MemAvailable") and unit == ["kB"]:
                found[key] = int(number) * 1024
    except (OSError, ValueError):
        pass
    return found


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf.
        return None


def sysctl(name: str) -> str | None:
    """Return what macOS says of itself under that name; None where there is no answer."""
    import subprocess

    try:
        done = subprocess.run(
            ["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def usable_cpus() -> int:
    """Return the CPUs that affinity and, on Linux, the cgroup's quota leave; at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity to ask for.
        count = os.cpu_count() or 1
    return max(1, min(count, cgroup_limit()))


def cgroup_limit(root: Path = Path("/sys/fs/cgroup")) -> int:
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
