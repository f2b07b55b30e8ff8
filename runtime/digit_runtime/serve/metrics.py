"""What /metrics tells, in Prometheus's text format."""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from digit_runtime.models.classifier import Classifier

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names a folder where several processes keep what they count."""
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 256, 1024)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "digit_requests", "Requests.", ["path", "status"], registry=self._registry
        )
        self._latency = Histogram(
            "digit_request_seconds",
            "Time from the request's head to the end of its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._engine = Histogram(
            "digit_engine_seconds",
            "Time of one batch in the engine.",
            ["model", "file", "engine"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Histogram(
            "digit_batch_rows",
            "Digits in one batch of the engine.",
            ["model", "file", "engine"],
            buckets=_ROWS,
            registry=self._registry,
        )
        self._models = Gauge(
            "digit_model_info",
            "The files that are loaded; always 1.",
            ["model", "file", "engine", "sha256"],
            registry=self._registry,
            multiprocess_mode="max",
        )

    def text(self) -> bytes:
        """Return them all, of all processes of the server."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def loaded(self, classifier: Classifier, sha256: str) -> None:
        """Tell of a file that was loaded."""
        self._models.labels(*_names(classifier), sha256).set(1)

    def batch(self, classifier: Classifier, rows: int, seconds: float) -> None:
        """Count a batch."""
        self._rows.labels(*_names(classifier)).observe(rows)
        self._engine.labels(*_names(classifier)).observe(seconds)


def _names(classifier: Classifier) -> tuple[str, str, str]:
    return classifier.model, classifier.path.name, classifier.engine
