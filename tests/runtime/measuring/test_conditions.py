import os
from pathlib import Path

import pytest
from digit_runtime.measuring import conditions, energy
from digit_runtime.measuring.conditions import Conditions


def write(root: Path, **files: object) -> None:
    for name, content in files.items():
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


def test_linux_tells_governor_frequency_and_temperature(tmp_path: Path) -> None:
    for cpu, khz in ((0, 600_000), (1, 1_800_000)):
        folder = tmp_path / f"devices/system/cpu/cpu{cpu}/cpufreq"
        write(folder, scaling_governor="ondemand", scaling_cur_freq=khz)
    thermal = tmp_path / "class/thermal"
    write(thermal / "thermal_zone0", type="iwlwifi", temp=90_000)
    write(thermal / "thermal_zone1", type="cpu-thermal", temp=61_500)
    seen = conditions.look(tmp_path)
    assert seen.governor == "ondemand"
    assert seen.frequency_mhz == 1200
    assert seen.temperature_c == 61.5


def test_a_virtual_machine_tells_its_frequency_and_an_unknown_system_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Some CPU\ncpu MHz\t\t: 2300.0\n\ncpu MHz\t\t: 2500.0\n")
    assert conditions.look(tmp_path, cpuinfo).frequency_mhz == 2400
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert conditions.look(tmp_path, tmp_path / "none") == Conditions()


@pytest.mark.skipif(os.name == "nt", reason="a script stands for the Pi's program")
def test_a_pi_tells_whether_it_was_throttled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\necho throttled=0x50005\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert conditions.look(tmp_path).throttled == 0x50005


@pytest.mark.parametrize(
    ("before", "after", "warnings"),
    [
        (Conditions(), Conditions(), []),
        (Conditions(load=0.0), Conditions(load=9.0, governor="performance"), []),
        (Conditions(load=999.0), Conditions(), ["other programs were running"]),
        (Conditions(), Conditions(governor="powersave"), ["the governor powersave"]),
        (Conditions(frequency_mhz=600), Conditions(frequency_mhz=1800), []),
        (Conditions(frequency_mhz=1800), Conditions(frequency_mhz=1500), ["from 1,800 to 1,500"]),
        (Conditions(), Conditions(temperature_c=84.6), ["at 85 °C"]),
        (Conditions(throttled=0), Conditions(throttled=0x1), ["voltage is too low"]),
        # It was throttled while it was measured, but is so no longer.
        (Conditions(throttled=0), Conditions(throttled=0x40000), ["processor is throttled"]),
        # That was before.
        (Conditions(throttled=0x50000), Conditions(throttled=0x50000), []),
    ],
)
def test_what_distorts_is_warned_of(
    before: Conditions, after: Conditions, warnings: list[str]
) -> None:
    found = conditions.warnings(before, after)
    assert len(found) == len(warnings)
    assert all(expected in line for expected, line in zip(warnings, found, strict=True))


def test_energy_is_the_sum_of_packages_through_their_wrap_around(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("intel-rapl:0", "intel-rapl:1"))
    write(first, energy_uj=1_000_000, max_energy_range_uj=9_000_000)
    write(second, energy_uj=8_000_000, max_energy_range_uj=9_000_000)
    write(tmp_path / "intel-rapl:0:0", energy_uj=77, max_energy_range_uj=100)
    before = energy.read(tmp_path)
    write(first, energy_uj=3_000_000)
    write(second, energy_uj=500_000)
    assert energy.joules(before, energy.read(tmp_path)) == pytest.approx(3.5)


def test_counters_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    assert energy.read(tmp_path) is None
    write(tmp_path / "intel-rapl:0", energy_uj="")
    assert energy.read(tmp_path) is None
    assert energy.joules(None, None) is None
