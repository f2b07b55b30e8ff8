#!/usr/bin/env bash
# Tries the wheel of digit-runtime where a Raspberry Pi would run it: on arm64 Debian
# bookworm with its Python 3.11 and the engines of constraints.txt, emulated by QEMU.
# Everything must work there, and each digit must be the one that this machine sees.
set -Eeuo pipefail

readonly PACKAGES=(debian-archive-keyring debootstrap)
# Debian trixie's, since LiteRT and ONNX Runtime crash under bookworm's 7.2.
readonly QEMU=qemu-user_10.0.13+ds-0+deb13u1_amd64.deb
readonly QEMU_SHA256=ca6ede739327a20ae5a3498230c8a3a9a072c586e131bc6bcc1201eb1725e336
# Those of a Raspberry Pi 3, of a 4, and of a 5, which has dot-product instructions.
readonly CPUS=(cortex-a53 cortex-a72 cortex-a76)

usage() {
    cat <<END
Usage: tests/devices/arm64.sh [--install] [--mirror URL] [FOLDER]

Builds an arm64 Debian bookworm in FOLDER (default: .arm64 in the checkout; 500 MB, kept for
the next run), installs digit-runtime's wheel on it with LiteRT, ONNX Runtime and Pillow, and runs
digit-verify, digit-predict, digit-read, digit-compare and digit-doctor there. For Debian and
Ubuntu on x86_64; the first run needs root.

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

check_needs() {
    [[ $(uname -m) == x86_64 ]] || lacks "has a QEMU for x86_64 only"
    if [[ ! -d $tree ]] && ! command -v debootstrap; then
        $install || lacks "needs ${PACKAGES[*]}; --install installs them"
        { apt-get update -q && apt-get install -qy --no-install-recommends "${PACKAGES[@]}"; } ||
            lacks "apt-get cannot install ${PACKAGES[*]}"
    fi >/dev/null
    "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        lacks "needs Python 3.11 or newer with pip and venv; set PYTHON"
    [[ -f $checkout/data/test.csv ]] || lacks "needs data/test.csv; make data gets it"
    mirror=${mirror:-$(apt_mirror)}
    [[ $mirror ]] || lacks "apt knows no Debian mirror; tell one with --mirror"
}

get_qemu() {
    [[ ! -x $qemu ]] || return 0
    echo "getting $QEMU" >&2
    "$python" -c 'import sys, urllib.request as u; u.urlretrieve(*sys.argv[1:])' \
        "${mirror%/}/pool/main/q/qemu/$QEMU" "$work/$QEMU" 2>"$work/log" ||
        lacks "$QEMU: $(tail -n 1 "$work/log")"
    echo "$QEMU_SHA256  $work/$QEMU" | sha256sum --check --status || lacks "$QEMU: is another file"
    dpkg-deb -x "$work/$QEMU" "$work/qemu"
    mv "$work/qemu/usr/bin/qemu-aarch64" "$qemu"
}

apt_mirror() {
    apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p
}

build_tree() {
    [[ ! -d $tree ]] || return 0
    ((EUID == 0)) || lacks "the first run needs root, for debootstrap"
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
exec "$qemu" -L "$tree" -0 "\$0" "$tree/usr/bin/python3" "\$@"
END
    chmod +x "$work/arm64/bin/python"
}

install_wheel() {
    echo "installing the wheel, here and on arm64" >&2
    "$python" -m venv "$work/here"
    make_arm64_environment
    local pip=("$work/here/bin/python" -m pip --disable-pip-version-check)
    "${pip[@]}" wheel -q --no-deps -w "$work" "$checkout/runtime"
    for environment in here arm64; do
        "${pip[@]}" --python "$work/$environment/bin/python" install -q --no-compile \
            -c "$checkout/constraints.txt" "$(echo "$work"/*.whl)[onnx,tflite,image]" ||
            lacks "pip cannot install the wheel and what it needs"
    done
}

# Runs a command here and on arm64; the table that it writes must be the same, but for the
# tenth column, which is digit-read's probability.
same() {
    local what=$1 command=$2
    shift 2
    for environment in here arm64; do
        mkdir -p "$work/$environment.out"
        (cd "$work/$environment.out" && "$work/$environment/bin/$command" "$@" -o out) \
            >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
        cut -d, -f1-9 "$work/$environment.out/out" >"$work/$environment.csv"
    done
    cmp "$work/here.csv" "$work/arm64.csv"
    echo "$what: the same digits here and on arm64"
}

same_digits() {
    local model=$1 engine=$2 rows=$3
    head -n $((rows + 1)) "$checkout/data/test.csv" >"$work/rows.csv"
    same "$model on $engine, $rows digits" digit-predict "$work/rows.csv" --model "$model" \
        --engine "$engine"
}

# Sizes and answers; what an emulator takes says nothing about a device.
same_comparison() {
    local data=(--data "$checkout/data/test.csv" --labels "$checkout/data/test_labels.csv")
    for environment in here arm64; do
        "$work/$environment/bin/digit-compare" "${data[@]}" --rows 20 --rounds 1 \
            --seconds 0.05 --csv 2>"$work/log" | tail -n +2 | cut -d, -f1-4,6,7,23 | sort \
            >"$work/$environment.csv" || { cat "$work/log" >&2; return 1; }
    done
    cmp "$work/here.csv" "$work/arm64.csv"
    column -s, -t "$work/arm64.csv" 2>/dev/null || cat "$work/arm64.csv"
    echo "digit-compare: the same files and answers here and on arm64"
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
qemu=$folder/qemu-aarch64-10.0.13
work=$(mktemp -d "$folder/run.XXXXXX")
trap 'rm -rf "$work"' EXIT

check_needs
get_qemu
build_tree
install_wheel
# Speeds measured in an emulator are not for the user's cache.
export XDG_CACHE_HOME=$work/cache
for QEMU_CPU in "${CPUS[@]}"; do
    export QEMU_CPU
    echo "== $QEMU_CPU"
    for engine in litert onnxruntime; do
        "$work/arm64/bin/digit-verify" --engine "$engine" | tail -n 1
        same_digits tiny "$engine" 200
    done
    same "a form" digit-read "$checkout/tests/cases/pictures/form_scan_black_boxes.png" \
        --engine litert
done
# Emulation is slow, numpy most of all.
same_digits mlp numpy 200
same_digits cnn numpy 3
same_comparison
"$work/arm64/bin/digit-doctor" | tee "$work/log"
grep -q "^onnxruntime .* works" "$work/log"
grep -q "^litert .* works" "$work/log"
echo "arm64: OK"
