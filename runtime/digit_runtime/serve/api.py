"""The endpoints of the JSON API."""

import time
from importlib.resources import files
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.serve import metrics
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.body import JSON, Intake, media_type
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import Lanes

_SAMPLES: Final = 30
_OPENAPI: Final = files("digit_runtime.serve").joinpath("openapi.json").read_bytes()


class Api:
    """What the paths do; `lanes` has the models."""

    def __init__(self, lanes: Lanes, limits: Limits) -> None:
        self._lanes = lanes
        self._intake = Intake(limits)

    async def predict(self, request: Request) -> Response:
        """POST /predict: the digits of the body, one or many."""
        start = time.perf_counter()
        lane = await self._lanes.get(request.query_params)
        pixels = await self._intake.pixels(request)
        answers, seconds = await lane.predict(pixels)
        document = _described(lane, answers)
        if media_type(request) != JSON:
            # What became of the picture, so that people can see what the model saw.
            document["pixels"] = pixels[0].tolist()
        document["engine_milliseconds"] = round(1000 * seconds, 3)
        document["milliseconds"] = round(1000 * (time.perf_counter() - start), 3)
        return JSONResponse(document)

    def close(self) -> None:
        """Give all threads back."""
        self._intake.close()
        self._lanes.close()

    async def models(self, request: Request) -> Response:
        """GET /models: what can be asked for, and what is used where nobody asks."""
        used = self._lanes.first.classifier
        default = {
            "model": used.model,
            "format": used.format,
            "precision": used.precision,
            "engine": used.engine,
        }
        return JSONResponse({"default": default, "models": self._lanes.offers()})

    async def samples(self, request: Request) -> Response:
        """GET /samples: a few of the digits that a model carries."""
        model = request.query_params.get("model", self._lanes.default.model)
        found = self._lanes.samples(model)
        return JSONResponse({"model": model, "pixels": _few(found.pixels).tolist()})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics, for Prometheus."""
        return Response(self._lanes.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})


async def health(request: Request) -> Response:
    """GET /healthz: the model is loaded, or nothing would answer."""
    return JSONResponse({"status": "ok"})


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    return Response(_OPENAPI, media_type=JSON)


def _described(lane: Batcher, answers: Probabilities) -> dict[str, Any]:
    classifier = lane.classifier
    return {
        "model": classifier.model,
        "file": classifier.path.name,
        "engine": classifier.engine,
        "labels": list(classifier.labels),
        "predictions": [
            {
                "label": classifier.labels[int(row.argmax())],
                "probabilities": [round(value, 6) for value in row.tolist()],
            }
            for row in answers
        ],
    }


def _few(pixels: Pixels) -> Pixels:
    """Return every so many of the digits, which lie in the order of their classes."""
    step = max(1, len(pixels) // _SAMPLES)
    return pixels[::step][:_SAMPLES]
