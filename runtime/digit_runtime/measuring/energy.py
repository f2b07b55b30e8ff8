"""The energy that the processor's packages use, where Linux lets this user read it (RAPL)."""

from pathlib import Path

from digit_runtime.measuring.conditions import number

Reading = dict[Path, float]


def read(powercap: Path = Path("/sys/class/powercap")) -> Reading | None:
    """Return each package's counter in microjoules, or None where there is none to read.

    The counters are those of Running Average Power Limit, on Intel and AMD processors. By
    default Linux shows them to root alone.
    """
    # A name with one colon is a package; those below it are parts of one.
    packages = [path for path in powercap.glob("intel-rapl:*") if path.name.count(":") == 1]
    found = {path: number(path / "energy_uj") for path in packages}
    reading = {path: value for path, value in found.items() if value is not None}
    return reading if reading and len(reading) == len(found) else None


def joules(before: Reading | None, after: Reading | None) -> float | None:
    """Return what all packages used between two readings; None if either is."""
    if before is None or after is None:
        return None
    total = 0.0
    for path, start in before.items():
        used = after[path] - start
        if used < 0:  # The counter began again at zero.
            used += number(path / "max_energy_range_uj") or 0
        total += used
    return total / 1e6
