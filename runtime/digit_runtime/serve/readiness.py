"""Whether the model answers, for those who decide where requests are sent."""

import asyncio
from typing import Final

import numpy as np

from digit_runtime.contract import PIXELS
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.errors import Refusal, unavailable
from digit_runtime.serve.limits import Limits

# Anybody may ask, and at most so often the model is asked.
_SECONDS_BETWEEN: Final = 1.0


class Readiness:
    """Asks the first model for a digit, in the queue of all requests."""

    def __init__(self, first: Batcher, limits: Limits) -> None:
        self._first = first
        self._patience = limits.ready_seconds
        self._one_at_a_time = asyncio.Lock()
        self._answered = -_SECONDS_BETWEEN

    async def check(self) -> None:
        """Return if it answers.

        Raises:
            Refusal: It does not, or not within `Limits.ready_seconds`.
        """
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            if loop.time() - self._answered < _SECONDS_BETWEEN:
                return
            await self._ask()
            self._answered = loop.time()

    async def _ask(self) -> None:
        blank = np.zeros((1, PIXELS), np.uint8)
        try:
            async with asyncio.timeout(self._patience):
                answers, _ = await self._first.predict(blank)
        except TimeoutError as error:
            raise unavailable(f"the model has not answered within {self._patience:g} s") from error
        except Refusal:
            raise
        except Exception as error:  # An engine may fail in its own way.
            raise unavailable(f"the model does not answer: {error}") from error
        if not np.isfinite(answers).all():
            raise unavailable("the model does not answer with numbers")
