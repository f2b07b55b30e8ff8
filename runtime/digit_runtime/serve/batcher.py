"""Put requests that arrive together into one call of the engine.

While the engine works, requests collect; when it is done, they are its next batch. So a
single request never waits for others, and many at once cost little more than one: there
is no timer to tune.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digit_runtime.classifier import BATCH_ROWS, Classifier
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.serve.errors import overloaded

Answer = tuple[Probabilities, float]
"""Probabilities, and the seconds that the engine took for the batch that they were in."""
Waiting = tuple[Pixels, "asyncio.Future[Answer]"]


class Batcher:
    """One classifier, shared by all requests; used on the event loop only."""

    def __init__(
        self,
        classifier: Classifier,
        waiting_rows: int,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:
        """Begin with nothing to do.

        Args:
            classifier: What answers.
            waiting_rows: How many rows may wait.
            observe: Called with the rows and the seconds of each batch.
        """
        self.classifier = classifier
        self._limit = waiting_rows
        self._observe = observe
        self._waiting: deque[Waiting] = deque()
        self._rows = 0
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "engine")

    async def predict(self, pixels: Pixels) -> Answer:
        """Return float32 ``[N, classes]`` of uint8 ``[N, 784]``, and the engine's seconds.

        Raises:
            Refusal: Too many rows are waiting.
            EngineError: The engine failed.
        """
        if self._rows and self._rows + len(pixels) > self._limit:
            raise overloaded()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((pixels, future))
        self._rows += len(pixels)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._next()
                pixels = np.concatenate([part for part, _ in batch])
                start = time.perf_counter()
                try:
                    answers = await loop.run_in_executor(
                        self._thread, self.classifier.predict_proba, pixels
                    )
                except Exception as error:
                    _deliver_failure(batch, error)
                    continue
                finally:
                    self._rows -= len(pixels)
                seconds = time.perf_counter() - start
                self._observe(len(pixels), seconds)
                _deliver(batch, answers, seconds)
        finally:
            self._working = None

    def _next(self) -> list[Waiting]:
        """Take the first request, and those after it that fit into a batch with it."""
        batch = [self._waiting.popleft()]
        rows = len(batch[0][0])
        while self._waiting and rows + len(self._waiting[0][0]) <= BATCH_ROWS:
            batch.append(self._waiting.popleft())
            rows += len(batch[-1][0])
        return batch


def _deliver(batch: list[Waiting], answers: Probabilities, seconds: float) -> None:
    start = 0
    for pixels, future in batch:
        # Whoever asked may have gone in the meantime.
        if not future.done():
            future.set_result((answers[start : start + len(pixels)], seconds))
        start += len(pixels)


def _deliver_failure(batch: list[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
