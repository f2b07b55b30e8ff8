"""What the machine was doing while it was measured, as far as it tells; None where it does not.

As with `digit_runtime.device`, nothing here raises.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.device import usable_cpus

# Bits of the Raspberry Pi firmware's "throttled" word; those 16 higher say "since boot".
_THROTTLING: Final = {
    0: "the supply's voltage is too low",
    1: "the frequency is capped",
    2: "the processor is throttled",
    3: "the soft temperature limit is active",
}
_SINCE_BOOT: Final = 16
# Zones whose sensor is the processor's, by the names that Linux gives them.
_CPU_ZONES: Final = ("cpu", "x86_pkg", "soc", "k10temp", "acpitz")

_BUSY_SHARE: Final = 0.25
_FREQUENCY_LOSS: Final = 0.1
_HOT: Final = 80.0
_WIDE: Final = 0.1


@dataclass(frozen=True)
class Conditions:
    """One look at the machine."""

    load: float | None = None
    """Programs that ran or waited to run, on average over the last minute."""
    governor: str | None = None
    """How Linux sets the CPUs' frequency; several names if the CPUs differ."""
    frequency_mhz: float | None = None
    """Mean of all CPUs."""
    temperature_c: float | None = None
    """Of the processor, the hottest of its sensors."""
    throttled: int | None = None
    """What a Raspberry Pi's ``vcgencmd get_throttled`` prints."""


def look(system: Path = Path("/sys"), cpuinfo: Path = Path("/proc/cpuinfo")) -> Conditions:
    """Return the conditions at this moment."""
    cpus = sorted(system.glob("devices/system/cpu/cpu[0-9]*/cpufreq"))
    governors = {_text(cpu / "scaling_governor") for cpu in cpus}
    return Conditions(
        load=_load(),
        governor=" and ".join(sorted(filter(None, governors))) or None,
        frequency_mhz=_frequency(cpus, cpuinfo),
        temperature_c=_temperature(system),
        throttled=_throttled(),
    )


def warnings(before: Conditions, after: Conditions) -> list[str]:
    """Return in words what may have distorted the times measured in between."""
    found = []
    cpus = usable_cpus()
    if before.load is not None and before.load > _BUSY_SHARE * cpus:
        found.append(
            f"other programs were running: load {before.load:.1f} on {cpus} CPUs before the start"
        )
    if after.governor and after.governor != "performance":
        found.append(f"the governor {after.governor} changes the CPUs' frequency with their work")
    if before.frequency_mhz and after.frequency_mhz:
        # Upwards it goes in every idle machine that begins to work.
        if after.frequency_mhz < before.frequency_mhz * (1 - _FREQUENCY_LOSS):
            found.append(
                f"the CPUs' frequency fell from {before.frequency_mhz:,.0f} to "
                f"{after.frequency_mhz:,.0f} MHz"
            )
    if after.temperature_c is not None and after.temperature_c > _HOT:
        found.append(f"the processor was at {after.temperature_c:.0f} °C")
    return found + _throttling(before.throttled, after.throttled)


def noisy(median: float, interval: tuple[float, float]) -> bool:
    """Return whether a median is known so badly that the machine must have been at fault."""
    return interval[1] - interval[0] > _WIDE * median


def _throttling(before: int | None, after: int | None) -> list[str]:
    if after is None:
        return []
    # What happened since boot counts only if it was not there before.
    news = after | ((after & ~(before or 0)) >> _SINCE_BOOT)
    return [what for bit, what in _THROTTLING.items() if news >> bit & 1]


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none.
        return None


def _frequency(cpus: list[Path], cpuinfo: Path) -> float | None:
    found = [khz / 1000 for cpu in cpus if (khz := number(cpu / "scaling_cur_freq")) is not None]
    # A virtual machine has no say in it, but may know it.
    for line in [] if found else (_text(cpuinfo) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "cpu MHz":
            found.append(float(value))
    return sum(found) / len(found) if found else None


def _temperature(system: Path) -> float | None:
    readings = {
        zone: value
        for zone in system.glob("class/thermal/thermal_zone*")
        if (value := number(zone / "temp")) is not None
    }
    own = [v for zone, v in readings.items() if (_text(zone / "type") or "").startswith(_CPU_ZONES)]
    return max(own or readings.values()) / 1000 if readings else None


def _throttled() -> int | None:
    try:
        done = subprocess.run(
            ["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5, check=False
        )
        return int(done.stdout.strip().removeprefix("throttled="), 16)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def number(path: Path) -> float | None:
    """Return the number that a file of the kernel's holds; None if it cannot be read."""
    try:
        return float(_text(path) or "")
    except ValueError:
        return None
