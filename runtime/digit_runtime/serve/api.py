"""The endpoints of the JSON API."""

import time
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from digit_runtime.contract import Probabilities
from digit_runtime.serve import metrics
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.body import JSON, Intake, check_picture, decoder_of, media_type
from digit_runtime.serve.clients import owner_of
from digit_runtime.serve.description import description
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import LoadedModels
from digit_runtime.serve.readiness import Readiness
from digit_runtime.serve.reading import Reader


class Api:
    """What the paths do."""

    def __init__(self, models: LoadedModels, limits: Limits) -> None:
        self._models = models
        self._intake = Intake(limits)
        self._reader = Reader(limits)
        self._readiness = Readiness(models.first, limits)

    async def predict(self, request: Request) -> Response:
        """POST /predict: the digits of the body, one or many."""
        start = time.perf_counter()
        # A model is loaded for those only who have digits for it.
        decoder_of(request)
        wanted = self._models.wanted(request.query_params)
        sent = await self._intake.digits(request)
        batcher = await self._models.get(wanted)
        answers, seconds = await batcher.predict(sent.pixels)
        document = _described(batcher, answers)
        if media_type(request).startswith("image/"):
            # What became of the picture, so that people can see what the model saw.
            document["pixels"] = sent.pixels[0].tolist()
            document["others"] = sent.others
        document["engine_milliseconds"] = round(1000 * seconds, 3)
        document["milliseconds"] = round(1000 * (time.perf_counter() - start), 3)
        return JSONResponse(document)

    async def read(self, request: Request) -> Response:
        """POST /read: all digits of a picture, line by line."""
        start = time.perf_counter()
        check_picture(request)
        wanted = self._models.wanted(request.query_params)
        async with self._intake.body(request) as body:
            batcher = await self._models.get(wanted)
            owner = owner_of(request.client)
            answer = await self._reader.read(body, batcher, owner, request.receive)
        classifier = batcher.classifier
        document = answer.as_json() | {
            "model": classifier.model,
            "engine": classifier.engine,
            "labels": list(classifier.labels),
            "unsure_below": classifier.unsure_below,
            "milliseconds": round(1000 * (time.perf_counter() - start), 3),
        }
        return JSONResponse(document)

    def close(self) -> None:
        """Give all threads back."""
        self._intake.close()
        self._reader.close()
        self._models.close()

    async def models(self, request: Request) -> Response:
        """GET /models: what can be asked for, and what is used where nobody asks."""
        used = self._models.first.classifier
        default = {
            "model": used.model,
            "format": used.format,
            "precision": used.precision,
            "engine": used.engine,
        }
        return JSONResponse({"default": default, "models": self._models.offers()})

    async def samples(self, request: Request) -> Response:
        """GET /samples: a few of the digits that a model carries."""
        model = request.query_params.get("model", self._models.default.model)
        return Response(await self._models.samples(model), media_type=JSON)

    async def metrics(self, request: Request) -> Response:
        """GET /metrics, for Prometheus."""
        return Response(self._models.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def ready(self, request: Request) -> Response:
        """GET /readyz: the model answers, now."""
        await self._readiness.check()
        return JSONResponse({"status": "ready"})


async def health(request: Request) -> Response:
    """GET /healthz: the server runs."""
    return JSONResponse({"status": "ok"})


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    return JSONResponse(description())


def _described(batcher: Batcher, answers: Probabilities) -> dict[str, Any]:
    classifier = batcher.classifier
    unsure_below = classifier.unsure_below
    labels = answers.argmax(axis=1).tolist()
    finite = [bool(row.all()) for row in np.isfinite(answers)]
    # float64 rounds to numbers that JSON writes in six digits.
    rounded = np.round(answers.astype(np.float64), 6).tolist()
    return {
        "model": classifier.model,
        "file": classifier.path.name,
        "engine": classifier.engine,
        "labels": list(classifier.labels),
        "unsure_below": unsure_below,
        "predictions": [
            {
                "label": classifier.labels[label],
                "unsure": unsure_below is not None and row[label] < unsure_below,
                "probabilities": row,
            }
            if known
            # What the model gives is no number: that is no digit.
            else {"label": None, "unsure": True, "probabilities": None}
            for label, known, row in zip(labels, finite, rounded, strict=True)
        ],
    }
