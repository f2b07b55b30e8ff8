"""One HTML file that needs no server: digit-serve's page, with a model inside that answers.

Looks and words are those of `digit_runtime.serve`, from its own files: only the module that
asks the server is another here, and what speaks of a server is left out.
"""

import base64
import re
from importlib.resources import files
from typing import Final

from digit_runtime.contract import Pixels
from digit_runtime.formats.wasm_file import with_model

from digit_export.convert import wasm
from digit_export.errors import ConversionError
from digit_export.keras_model.network import Network

_SAMPLES: Final = 12
_NEEDLESS: Final = (
    r'<a id="other".*?</a>\n',
    r'<section id="reader".*?</section>\n',
    r'<script src="reader.js"[^>]*></script>\n',
    r'<form id="token-form".*?</form>\n',
    r'<details id="more">.*?</details>\n',
    r"<footer>.*?</footer>\n",
    r'<link rel="stylesheet"[^>]*>\n',
    r'<script src="app.js"[^>]*></script>\n',
)
_IMPORT: Final = re.compile(r'^import (\* as \w+|\{[^}]*\}) from "\./([\w-]+)\.js";$', re.M)
_EXPORT: Final = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.M)


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return the page, with the module of `wasm.int8` inside.

    Args:
        network: The network.
        calibration: uint8 ``[N, 784]``; its first rows are also the digits to try.

    Raises:
        PackageNotInstalledError, ConversionError: See `wasm.int8`.
    """
    page = _page(calibration[:_SAMPLES], network.unsure_below or 0.0)
    return with_model(page.encode(), wasm.int8(network, calibration))


def _page(samples: Pixels, unsure_below: float) -> str:
    page = _static("index.html")
    for pattern in _NEEDLESS:
        page, found = re.subn(pattern, "", page, flags=re.S)
        if not found:
            raise ConversionError(f"digit-serve's page has changed: no {pattern} in it")
    icon = base64.b64encode(_static("icon.svg").encode()).decode()
    page = page.replace('href="icon.svg"', f'href="data:image/svg+xml;base64,{icon}"')
    style = f"<style>\n{_static('app.css')}</style>\n"
    data = "".join(
        f'<script id="{name}" type="application/octet-stream">{text}</script>\n'
        for name, text in (
            ("sample-digits", base64.b64encode(samples.tobytes()).decode()),
            ("unsure-below", str(unsure_below)),
            ("model", ""),
        )
    )
    script = f'<script type="module">\n{_script()}</script>\n'
    page = page.replace("</head>", f"{style}</head>")
    return page.replace("</body>", f"{data}{script}</body>")


def _script() -> str:
    """Return all modules as one script, each in a function of its own."""
    # Nothing lies beside a page that is one file.
    loader = wasm.module("model.wasm")
    modules = {
        "digit": re.sub(r" = new URL\([^)]*\)", "", loader),
        "predictor": files("digit_export.convert.wasm").joinpath("predictor.js").read_text("utf-8"),
        "paper": _static("paper.js"),
        "answers": _static("answers.js"),
        "compare": _static("compare.js"),
        "app": _static("app.js"),
    }
    return "\n".join(_as_function(name, text) for name, text in modules.items())


def _as_function(name: str, text: str) -> str:
    def bound(match: re.Match[str]) -> str:
        names, other = match.groups()
        wanted = names.removeprefix("* as ") if names.startswith("*") else names
        return f"const {wanted} = {other}_module;"

    exported = ", ".join(_EXPORT.findall(text))
    body = re.sub(r"^export ", "", _IMPORT.sub(bound, text), flags=re.M)
    return f"const {name}_module = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();"


def _static(name: str) -> str:
    return files("digit_runtime.serve").joinpath("static", name).read_text("utf-8")
