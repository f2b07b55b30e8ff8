#!/usr/bin/env bash
# Asks pip whether every version in constraints.txt has a wheel for each Linux and Python that
# the project runs on, as glibc 2.36 of Debian bookworm and Raspberry Pi OS can load it.
# Installs nothing. Names the first missing one of each kind; exit status 1 if there is one.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly PIP=("${PYTHON:-python3}" -m pip --disable-pip-version-check install -q --dry-run)
nowhere=$(mktemp -d)
trap 'rm -rf "$nowhere"' EXIT
failed=0
for machine in x86_64 aarch64; do
    platforms=(--platform "manylinux2014_$machine" --platform "manylinux2010_$machine")
    for minor in {5..36}; do
        platforms+=(--platform "manylinux_2_${minor}_$machine")
    done
    for python in 3.11 3.12 3.13; do
        # Without --no-deps, markers would be judged by the Python that runs this pip.
        if "${PIP[@]}" --target "$nowhere" --no-deps --only-binary :all: "${platforms[@]}" \
            --python-version "$python" -r constraints.txt; then
            echo "$machine, Python $python: all $(grep -c == constraints.txt) have a wheel"
        else
            echo "$machine, Python $python: not all have a wheel" && failed=1
        fi
    done
done
exit $failed
