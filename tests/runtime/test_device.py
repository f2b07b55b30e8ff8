import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from digit_runtime.device import cgroup_limit, cpu_name, cpuinfo, usable_cpus


@pytest.mark.parametrize(
    ("quota", "cpus"), [("150000 100000", 2), ("50000 100000", 1), ("400000 100000", 4)]
)
def test_a_quota_is_whole_cpus_rounded_up(quota: str, cpus: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert cgroup_limit(tmp_path) == cpus


@pytest.mark.parametrize("content", ["max 100000\n", "", "junk"])
def test_no_quota_is_no_limit(content: str, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert cgroup_limit(tmp_path) > 100_000
    assert cgroup_limit(tmp_path / "nowhere") > 100_000


X86 = "processor\t: 0\nmodel name\t: Intel N100\nflags\t\t: sse2 avx2\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\n\nprocessor\t: 1\nFeatures\t: fp\n"


@pytest.mark.parametrize(
    ("architecture", "content", "expected"),
    [
        ("x86_64", X86, {"processor": "0", "model name": "Intel N100", "flags": "sse2 avx2"}),
        ("aarch64", ARM, {"processor": "0", "Features": "fp asimd"}),
        ("armv7l", ARM, {"processor": "0", "Features": "fp asimd"}),
        ("riscv64", "isa : rv64imafdc\n", {"isa": "rv64imafdc"}),
        # An emulator on the other architecture.
        ("aarch64", X86, {}),
        ("x86_64", ARM, {}),
    ],
)
def test_cpuinfo_is_that_of_the_first_core_of_this_architecture(
    architecture: str,
    content: str,
    expected: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    path = tmp_path / "cpuinfo"
    path.write_text(content)
    assert cpuinfo(path) == expected


def test_odd_or_no_cpuinfo_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    assert cpuinfo(path) == {}
    path.write_bytes(b"\0\xff junk\nmodel name")
    assert cpuinfo(path)["model name"] == ""


def test_there_is_a_cpu_and_it_has_a_name() -> None:
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)
    assert cpu_name().strip()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_affinity_counts() -> None:
    script = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from digit_runtime.device import usable_cpus; print(usable_cpus())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "1\n"
