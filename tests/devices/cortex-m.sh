#!/usr/bin/env bash
# Runs a model's C file on an emulated Cortex-M4 board, QEMU's mps2-an386. Its probabilities must
# be the host's, to the last bit. Prints flash and RAM, peak stack and instructions an image.
set -Eeuo pipefail

readonly PACKAGES=(gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc libc6-dev)

usage() {
    cat <<END
Usage: tests/devices/cortex-m.sh [--install] [--rows N] [FOLDER NAME]

Compiles FOLDER/NAME-int8.c, as digit-export writes it, for Cortex-M0+, M4 and M7, and runs the
first N test digits (default: 500) on the emulated M4. Without FOLDER it exports a copy of tiny.

  --install  install what is missing with apt-get: ${PACKAGES[*]}

Needs data/test.csv (make data), and \$PYTHON or .venv/bin/python with digit-runtime. Exit status:
0 success, 1 failure, 2 this machine lacks something.
END
}

lacks() {
    echo "cortex-m.sh: skipped: $*" >&2
    exit 2
}

check_needs() {
    local program missing=()
    for program in arm-none-eabi-gcc qemu-system-arm cc; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    # Newlib is no program: Debian's compiler comes without it.
    arm-none-eabi-gcc -print-file-name=rdimon.specs 2>/dev/null | grep -q / || missing+=(newlib)
    ((${#missing[@]})) || return 0
    $install || lacks "needs ${missing[*]}; --install installs ${PACKAGES[*]}"
    { apt-get update -q && apt-get install -qy --no-install-recommends "${PACKAGES[@]}"; } >&2 ||
        lacks "apt-get cannot install ${PACKAGES[*]}"
}

export_tiny() {
    echo "exporting tiny as C" >&2
    cp -r "$root/artifacts/tiny" "$work/tiny"
    "$python" -c 'from digit_export.commands.export import export; export()' --model tiny \
        --format c --artifacts "$work" --data "$root/data/train.csv" >"$work/log" 2>&1 ||
        { cat "$work/log" >&2; return 1; }
    folder=$work/tiny/c name=tiny
}

# A command's own exit status must not pass for this script's.
trap 'echo "cortex-m.sh: failed in line $LINENO: $BASH_COMMAND" >&2; exit 1' ERR
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
[[ $python == /* || $python != */* ]] || python=$PWD/$python
install=false
rows=500
given=()
while (($#)); do
    case $1 in
        --install) install=true ;;
        --rows) (($# > 1)) || lacks "--rows needs a number"; rows=$2; shift ;;
        -h | --help) usage && exit ;;
        -*) usage >&2 && exit 2 ;;
        *) given+=("$1") ;;
    esac
    shift
done
((${#given[@]} == 0 || ${#given[@]} == 2)) || { usage >&2 && exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check_needs
[[ -f $root/data/test.csv ]] || lacks "needs data/test.csv; make data gets it"
if ((${#given[@]})); then
    folder=$(realpath "${given[0]}") name=${given[1]}
else
    export_tiny
fi
cd "$work"
"$python" - "$root/data/test.csv" "$rows" <<'PY'
import sys
from digit_runtime import read_csv
read_csv(sys.argv[1])[0][: int(sys.argv[2])].tofile("rows")
PY
cat >main.c <<'C'
#include "digit_predict.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __arm__
#define SYSTICK ((volatile uint32_t *)0xE000E010)
extern void _start(void);
static void stuck(void) { for (;;) {} }
__attribute__((section(".vectors"), used)) static void *const vectors[] = {
    (void *)0x20400000, (void *)_start, (void *)stuck, (void *)stuck, (void *)stuck,
    (void *)stuck, (void *)stuck};
#endif
static uint8_t pixels[784];
static int8_t buffer[DIGIT_BUFFER_BYTES];
enum { PAINTED = 16384 };

__attribute__((noinline)) static void paint(void)
{
    volatile uint8_t area[PAINTED];
    for (int i = 0; i < PAINTED; i++)
        area[i] = 0xA5;
}

__attribute__((noinline)) static unsigned used(void)
{
    volatile uint8_t area[PAINTED];
    int i = 0;
    while (i < PAINTED && area[i] == 0xA5)
        i++;
    return (unsigned)(PAINTED - i);
}

int main(void)
{
    float probabilities[DIGIT_CLASSES];
    uint64_t ticks = 0;
    unsigned stack = 0;
    int rows = 0;
    FILE *in = fopen("rows", "rb"), *out = fopen("answers", "wb");
    while (fread(pixels, 1, sizeof pixels, in) == sizeof pixels) {
        paint();
#ifdef __arm__
        SYSTICK[1] = 0xFFFFFF;
        SYSTICK[2] = 0;
        SYSTICK[0] = 5;
        uint32_t before = SYSTICK[2];
#endif
        digit_predict_in(pixels, probabilities, buffer);
#ifdef __arm__
        ticks += (before - SYSTICK[2]) & 0xFFFFFF;
#endif
        unsigned now = used();
        stack = now > stack ? now : stack;
        fwrite(probabilities, 1, sizeof probabilities, out);
        rows++;
    }
    fclose(out);
    /* With -icount shift=0 an instruction takes 1 ns, and the board's clock has 25 MHz. */
    printf("%d digits, %u bytes of stack, %lu instructions an image\n", rows, stack,
           (unsigned long)(ticks * 40 / (uint64_t)rows));
    exit(0);
}
C
cat >board.ld <<'LD'
MEMORY { flash (rx) : ORIGIN = 0, LENGTH = 4M  ram (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) KEEP(*(.init)) KEEP(*(.fini)) } >flash
  .ARM.exidx : { *(.ARM.exidx*) } >flash
  .data : { *(.data*) } >ram
  .bss : { __bss_start__ = .; *(.bss*) *(COMMON) __bss_end__ = .; } >ram
  end = .; __end__ = .;
}
LD
source=$folder/$name-int8.c
for cpu in cortex-m0plus cortex-m4 cortex-m7; do
    arm-none-eabi-gcc -mcpu=$cpu -mthumb -O2 -ffunction-sections -I"$folder" -c -o size.o "$source"
    echo "$cpu: $(arm-none-eabi-size size.o | tail -1 | awk '{print $1 " bytes of flash, " $2 + $3 " of RAM"}')"
done
cc -O2 -I"$folder" -o host main.c "$source" && ./host >/dev/null && mv answers expected
arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -O2 --specs=rdimon.specs -T board.ld -I"$folder" \
    -o board.elf main.c "$source"
timeout 600 qemu-system-arm -M mps2-an386 -nographic -icount shift=0 \
    -semihosting-config enable=on,target=native -kernel board.elf
cmp answers expected && echo "equal to the host's, to the last bit"
