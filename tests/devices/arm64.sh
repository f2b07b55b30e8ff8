#!/usr/bin/env bash
# Tries the wheel of digit-runtime where a Raspberry Pi would run it: on arm64 Debian
# bookworm with its Python 3.11, emulated by QEMU. Everything must work there, and each
# digit must be the one that this machine sees.
set -Eeuo pipefail

readonly PACKAGES=(debian-archive-keyring debootstrap qemu-user-static)
# Later versions may crash under QEMU 7.2, as LiteRT does: 1.32.0 at its import.
readonly ONNXRUNTIME=1.27.0
# Those of a Raspberry Pi 4, and of a 5, which has dot-product instructions.
readonly CPUS=(cortex-a72 cortex-a76)

usage() {
    cat <<END
Usage: tests/devices/arm64.sh [--install] [--mirror URL] [FOLDER]

Builds an arm64 Debian bookworm in FOLDER (default: .arm64 in the checkout; 180 MB, kept for
the next run), installs digit-runtime's wheel on it, and runs digit-verify, digit-predict and
digit-doctor there. For Debian and Ubuntu; the first run needs root.

  --install     install what is missing with apt-get: ${PACKAGES[*]}
  --mirror URL  the Debian mirror to use, where apt is not configured with one

Needs data/test.csv (make data), and Python 3.11 or newer with pip and venv: \$PYTHON or
python3. Exit status: 0 success, 1 failure, 2 this machine lacks something.
END
}

lacks() {
    echo "arm64.sh: $*" >&2
    exit 2
}

find_qemu() {
    command -v qemu-aarch64-static || command -v qemu-aarch64
}

check_needs() {
    if ! find_qemu || { [[ ! -d $tree ]] && ! command -v debootstrap; }; then
        $install || lacks "needs ${PACKAGES[*]}; --install installs them"
        { apt-get update -q && apt-get install -qy --no-install-recommends "${PACKAGES[@]}"; } ||
            lacks "apt-get cannot install ${PACKAGES[*]}"
    fi >/dev/null
    "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        lacks "needs Python 3.11 or newer with pip and venv; set PYTHON"
    [[ -f $checkout/data/test.csv ]] || lacks "needs data/test.csv; make data gets it"
}

apt_mirror() {
    apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p
}

build_tree() {
    [[ ! -d $tree ]] || return 0
    ((EUID == 0)) || lacks "the first run needs root, for debootstrap"
    mirror=${mirror:-$(apt_mirror)}
    [[ $mirror ]] || lacks "apt knows no Debian mirror; tell one with --mirror"
    echo "building arm64 Debian bookworm in $tree" >&2
    debootstrap --arch=arm64 --variant=minbase --include=python3 --download-only \
        --force-check-gpg bookworm "$work/packages" "$mirror" >"$work/log" 2>&1 ||
        lacks "debootstrap failed: $(tail -n 1 "$work/log")"
    # Unpacked, not configured: Python needs no more, and QEMU cannot start each program
    # that a package's scripts would.
    for package in "$work"/packages/var/cache/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$work/tree"
    done
    mv "$work/tree" "$tree"
}

# A virtual environment whose Python runs in QEMU, also when Python starts itself again.
make_arm64_environment() {
    mkdir -p "$work/arm64/bin"
    printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$work/arm64/pyvenv.cfg"
    cat >"$work/arm64/bin/python" <<END
#!/bin/sh
exec "$(find_qemu)" -L "$tree" -0 "\$0" "$tree/usr/bin/python3" "\$@"
END
    chmod +x "$work/arm64/bin/python"
}

install_wheel() {
    echo "installing the wheel, here and on arm64" >&2
    "$python" -m venv "$work/here"
    make_arm64_environment
    local pip=("$work/here/bin/python" -m pip --disable-pip-version-check)
    "${pip[@]}" wheel -q --no-deps -w "$work" "$checkout/runtime"
    sed "s/^onnxruntime==.*/onnxruntime==$ONNXRUNTIME/" "$checkout/constraints.txt" \
        >"$work/constraints.txt"
    for environment in here arm64; do
        "${pip[@]}" --python "$work/$environment/bin/python" install -q --no-compile \
            -c "$work/constraints.txt" "$(echo "$work"/*.whl)[onnx]" ||
            lacks "pip cannot install the wheel and what it needs"
    done
}

same_digits() {
    local model=$1 engine=$2 rows=$3
    head -n $((rows + 1)) "$checkout/data/test.csv" >"$work/rows.csv"
    for environment in here arm64; do
        "$work/$environment/bin/digit-predict" "$work/rows.csv" --model "$model" \
            --engine "$engine" -o "$work/$environment.csv" >"$work/log" 2>&1 ||
            { cat "$work/log" >&2; return 1; }
    done
    cmp "$work/here.csv" "$work/arm64.csv"
    echo "$model on $engine: the same $rows digits here and on arm64"
}

# A command's own exit status must not pass for this script's.
trap 'echo "arm64.sh: failed in line $LINENO: $BASH_COMMAND" >&2; exit 1' ERR
checkout=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
folder=$checkout/.arm64
install=false
mirror=''
while (($#)); do
    case $1 in
        --install) install=true ;;
        --mirror) (($# > 1)) || lacks "--mirror needs a URL"; mirror=$2; shift ;;
        -h | --help) usage && exit ;;
        -*) usage >&2 && exit 2 ;;
        *) folder=$1 ;;
    esac
    shift
done

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
tree=$folder/bookworm-arm64
work=$(mktemp -d "$folder/run.XXXXXX")
trap 'rm -rf "$work"' EXIT

check_needs
build_tree
install_wheel
# Speeds measured in an emulator are not for the user's cache.
export XDG_CACHE_HOME=$work/cache
for QEMU_CPU in "${CPUS[@]}"; do
    export QEMU_CPU
    echo "== $QEMU_CPU"
    "$work/arm64/bin/digit-verify" mlp --engine numpy --engine onnxruntime
    "$work/arm64/bin/digit-verify" cnn --engine onnxruntime
    # Emulation is slow, the cnn in numpy most of all.
    same_digits mlp numpy 500
    same_digits mlp onnxruntime 500
    same_digits cnn numpy 5
    same_digits cnn onnxruntime 50
done
"$work/arm64/bin/digit-doctor" | tee "$work/log"
grep -q "^onnxruntime .* works" "$work/log"
echo "arm64: OK"
