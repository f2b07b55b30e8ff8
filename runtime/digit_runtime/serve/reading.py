"""Pages that clients send, read one after the other in threads of their own."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.errors import DigitError, EngineError
from digit_runtime.inputs.page.read import Model, read_page
from digit_runtime.inputs.pictures import open_pictures
from digit_runtime.reading.answers import Answer
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.clients import unless_gone
from digit_runtime.serve.decoding import check_size
from digit_runtime.serve.errors import Refusal, overloaded, unavailable
from digit_runtime.serve.limits import Limits

# As digit-read calls standard input: what comes has no name.
_NAME: Final = "-"
_IMAGE: Final = "the image"


class Reader:
    """Reads the pages of all requests; used on the event loop only."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(limits.readers, "reader")

    async def read(
        self, body: bytearray, batcher: Batcher, owner: str, gone: Callable[[], Awaitable[object]]
    ) -> Answer:
        """Return what stands on a picture, or on the pages of a TIFF.

        Args:
            body: The picture.
            batcher: Predicts its marks.
            owner: Whose it is; see `owner_of`.
            gone: Returns when the client has left; see `unless_gone`.

        Raises:
            Refusal: It is too large, no picture, too many are waiting, or the client has left.
            EngineError: The engine failed.
        """
        if self._waiting.total() >= self._limits.waiting_pages:
            raise overloaded()
        if self._waiting[owner] >= self._limits.client_pages:
            raise unavailable("too many of your pages are waiting; try again")
        self._waiting[owner] += 1
        loop = asyncio.get_running_loop()

        def predict(pixels: Pixels) -> Probabilities:
            # The marks of a page wait their turn, as digits do that are sent alone.
            future = asyncio.run_coroutine_threadsafe(batcher.predict(pixels, True), loop)
            return future.result(self._limits.stopping_seconds)[0]

        classifier = batcher.classifier
        model = Model(predict, classifier.labels, classifier.unsure_below)
        work = self._threads.submit(self._read, bytes(body), model)
        try:
            return await unless_gone(work, gone)
        finally:
            self._waiting -= Counter([owner])  # Who has none is forgotten.

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self, data: bytes, model: Model) -> Answer:
        most = self._limits.pages
        check_size(data, self._limits, most)
        answer = Answer(_NAME)
        try:
            for picture in islice(open_pictures(data, _IMAGE), most + 1):
                if picture.page > most:
                    answer.error = f"has more than {most} pages; the others were not read"
                    break
                answer.pages.append(read_page(picture, model))
        except EngineError:
            raise
        except DigitError as error:
            if not answer.pages:
                raise Refusal(400, str(error)) from error
            answer.error = str(error).removeprefix(f"{_IMAGE}: ")
        return answer
