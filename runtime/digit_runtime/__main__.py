"""``python -m digit_runtime``: which commands there are; and any of them, by its name."""

import sys

from digit_runtime.commands.entry import COMMANDS, run
from digit_runtime.terminal import end_without_output


def main() -> None:
    """Run the command that the first argument names, or tell of all of them."""
    end_without_output()
    name = sys.argv[1].removeprefix("digit-") if len(sys.argv) > 1 else "--help"
    if name == "--version":
        from digit_runtime import __version__

        print(f"digit-runtime {__version__}")
    elif name in COMMANDS:
        run(name, args=sys.argv[2:], prog_name=f"digit-{name}")
    else:
        known = name in ("-h", "--help", "help")
        print(_overview(), file=sys.stdout if known else sys.stderr)
        sys.exit(0 if known else 2)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  digit-{name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: python -m digit_runtime COMMAND [ARGUMENTS]",
            "",
            "Handwritten digits from exported models, without TensorFlow.",
            "",
            *lines,
            "",
            "digit-COMMAND --help tells more. Example:  digit-predict test.csv -o submission.csv",
        ]
    )


if __name__ == "__main__":
    main()
