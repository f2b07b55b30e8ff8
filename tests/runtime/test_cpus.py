import os
import subprocess
import sys
from pathlib import Path

import pytest
from digit_runtime.cpus import _cgroup_limit, cpu_name, usable_cpus


@pytest.mark.parametrize(
    ("quota", "cpus"), [("150000 100000", 2), ("50000 100000", 1), ("400000 100000", 4)]
)
def test_a_quota_is_whole_cpus_rounded_up(quota: str, cpus: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert _cgroup_limit(tmp_path) == cpus


@pytest.mark.parametrize("content", ["max 100000\n", "", "junk"])
def test_no_quota_is_no_limit(content: str, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert _cgroup_limit(tmp_path) > 100_000
    assert _cgroup_limit(tmp_path / "nowhere") > 100_000


def test_there_is_a_cpu_and_it_has_a_name() -> None:
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)
    assert cpu_name().strip()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_affinity_counts() -> None:
    script = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from digit_runtime.cpus import usable_cpus; print(usable_cpus())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "1\n"
