"""Where the installed commands begin: an interrupt before they have begun ends them quietly.

numpy and click take a third of a second to import on a small device. What is raised then
would be a traceback, though there is nothing to unwind yet.
"""

import signal

# Whoever imports this is about to run a command. What comes next takes a while.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # Not in the main thread, which alone gets signals.
        pass

import importlib
from functools import partial
from typing import Any

COMMANDS = {
    "predict": "Predict the digits of a file, and score them where it has labels.",
    "read": "Read all digits of pictures: photos, scans, sheets, forms.",
    "info": "Show the models that are here, and what is in a model file.",
    "verify": "Check that this device gives the answers of the models' makers.",
    "compare": "Compare size, speed, memory and accuracy of all exported files here.",
    "doctor": "Tell which engines work on this device, and which is chosen.",
    "serve": "Serve the models over HTTP, with a page to draw digits on.",
    "batch": "Predict more digits than one machine has time for.",
}
"""The commands of this distribution; ``digit-`` comes before the name."""


def run(name: str, *args: Any, **options: Any) -> Any:
    """Run one of `COMMANDS` as a program."""
    module = importlib.import_module(f"digit_runtime.commands.{name}")
    return getattr(module, name)(*args, **options)


def __getattr__(name: str) -> Any:
    if name not in COMMANDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(run, name)
