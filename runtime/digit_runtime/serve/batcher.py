"""Put requests that arrive together into one call of the engine.

While the engine works, requests collect; when it is done, they are its next batch. So a
single request never waits for others, and many at once cost little more than one: there
is no timer to tune. A request of more digits than a batch takes turns with the others.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.models.classifier import BATCH_ROWS, Classifier
from digit_runtime.serve.errors import overloaded

Answer = tuple[Probabilities, float]
"""Probabilities, and the seconds that the engine took for the batches that they were in."""


@dataclass(eq=False)
class _Waiting:
    pixels: Pixels
    future: "asyncio.Future[Answer]"
    counted: bool
    taken: int = 0
    answers: list[Probabilities] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def left(self) -> int:
        return len(self.pixels) - self.taken

    def take(self, rows: int) -> Pixels:
        self.taken += rows
        return self.pixels[self.taken - rows : self.taken]

    def deliver(self, answers: Probabilities, seconds: float) -> None:
        self.answers.append(answers)
        self.seconds += seconds
        # Whoever asked may have gone in the meantime.
        if sum(map(len, self.answers)) == len(self.pixels) and not self.future.done():
            whole = self.answers[0] if len(self.answers) == 1 else np.concatenate(self.answers)
            self.future.set_result((whole, self.seconds))

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


Part = tuple[_Waiting, Pixels]


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
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "engine")

    async def predict(self, pixels: Pixels, accepted: bool = False) -> Answer:
        """Return float32 ``[N, classes]`` of uint8 ``[N, 784]``, and the engine's seconds.

        Args:
            pixels: Of one request, or of one page.
            accepted: Whether they wait however many there are, and count for nobody else: the
                marks of a page, after the work of finding them.

        Raises:
            Refusal: Too many rows are waiting.
            EngineError: The engine failed.
        """
        if not accepted and self._rows and self._rows + len(pixels) > self._limit:
            raise overloaded()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(pixels, future, not accepted))
        self._rows += len(pixels) * (not accepted)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                if batch := self._next():
                    await self._run(batch)
                    self._rows -= sum(len(pixels) * one.counted for one, pixels in batch)
        finally:
            self._working = None

    async def _run(self, batch: list[Part]) -> None:
        pixels = np.concatenate([part for _, part in batch]) if len(batch) > 1 else batch[0][1]
        loop = asyncio.get_running_loop()
        start = time.perf_counter()
        try:
            answers = await loop.run_in_executor(
                self._thread, self.classifier.predict_proba, pixels
            )
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].fail(error)
            else:  # One of them may be the reason, and is not to be that of the others.
                for alone in batch:
                    await self._run([alone])
            return
        seconds = time.perf_counter() - start
        self._observe(len(pixels), seconds)
        start_row = 0
        for request, part in batch:
            request.deliver(answers[start_row : start_row + len(part)], seconds)
            start_row += len(part)

    def _next(self) -> list[Part]:
        """Take as many rows as are fastest, of the requests in their turn."""
        batch: list[Part] = []
        room = BATCH_ROWS
        while self._waiting and room:
            request = self._waiting.popleft()
            if request.future.done():  # Nobody waits for the rest of it.
                self._rows -= request.left * request.counted
                continue
            rows = min(room, request.left)
            batch.append((request, request.take(rows)))
            room -= rows
            if request.left and rows == BATCH_ROWS:
                self._waiting.append(request)
            elif request.left:
                self._waiting.appendleft(request)
        return batch
