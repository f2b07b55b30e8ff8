import asyncio
import threading
from typing import Any, cast

import numpy as np
import pytest
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.errors import EngineError
from digit_runtime.models.classifier import Classifier
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.errors import Refusal


class Engine:
    """Answers with each row's first pixel, when it is let."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self.failure: Exception | None = None

    def predict_proba(self, pixels: Pixels) -> Probabilities:
        assert self.free.wait(10)
        self.batches.append(len(pixels))
        if self.failure:
            raise self.failure
        return np.repeat(pixels[:, :1], 10, axis=1).astype(np.float32)


def batcher(engine: Engine, waiting_rows: int = 1000) -> Batcher:
    return Batcher(cast(Classifier, engine), waiting_rows)


def rows(*values: int) -> Pixels:
    return np.repeat(np.array(values, np.uint8)[:, None], 784, axis=1)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0.001)


def test_requests_that_arrive_meanwhile_are_one_batch_and_get_their_own_answers() -> None:
    async def story() -> list[Any]:
        engine = Engine()
        lane = batcher(engine)
        engine.free.clear()
        first = asyncio.create_task(lane.predict(rows(1)))
        await settle()
        others = [asyncio.create_task(lane.predict(rows(n, n + 100))) for n in range(2, 12)]
        await settle()
        engine.free.set()
        answers = [answer[0][:, 0].tolist() for answer in await asyncio.gather(first, *others)]
        lane.close()
        return [engine.batches, answers]

    batches, answers = asyncio.run(story())
    assert batches == [1, 20]
    assert answers == [[1.0], *([n, n + 100] for n in range(2, 12))]


def test_a_batch_does_not_grow_beyond_what_is_fastest() -> None:
    async def story() -> list[int]:
        engine = Engine()
        lane = batcher(engine)
        engine.free.clear()
        tasks = [asyncio.create_task(lane.predict(rows(*range(30)))) for _ in range(5)]
        await settle()
        engine.free.set()
        await asyncio.gather(*tasks)
        lane.close()
        return engine.batches

    # All are there before the first batch begins.
    assert asyncio.run(story()) == [64, 64, 22]


def test_a_large_request_takes_turns_with_small_ones() -> None:
    async def story() -> list[str]:
        engine = Engine()
        lane = batcher(engine)
        order = []

        async def ask(name: str, count: int) -> None:
            answers, _ = await lane.predict(rows(*range(count)))
            assert answers[:, 0].tolist() == list(range(count))
            order.append(name)

        engine.free.clear()
        large = asyncio.create_task(ask("large", 200))
        await settle()
        small = [asyncio.create_task(ask(f"small {n}", 1)) for n in range(3)]
        await settle()
        engine.free.set()
        await asyncio.gather(large, *small)
        lane.close()
        return order

    assert asyncio.run(story()) == ["small 0", "small 1", "small 2", "large"]


def test_the_rest_of_a_request_that_nobody_waits_for_is_left_out() -> None:
    async def story() -> list[int]:
        engine = Engine()
        lane = batcher(engine, waiting_rows=300)
        engine.free.clear()
        gone = asyncio.create_task(lane.predict(rows(*range(250))))
        await settle()
        gone.cancel()
        engine.free.set()
        await settle()
        answers, _ = await lane.predict(rows(*range(250)))
        assert len(answers) == 250
        lane.close()
        return engine.batches

    assert asyncio.run(story()) == [64, 64, 64, 64, 58]


def test_a_request_that_the_engine_fails_on_fails_alone() -> None:
    class Choosy(Engine):
        def predict_proba(self, pixels: Pixels) -> Probabilities:
            if (pixels == 13).any():
                raise EngineError("unlucky")
            return super().predict_proba(pixels)

    async def story() -> list[Any]:
        lane = batcher(Choosy())
        asked = (lane.predict(rows(n)) for n in (12, 13, 14))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        lane.close()
        return answers

    before, unlucky, after = asyncio.run(story())
    assert (before[0][0, 0], after[0][0, 0]) == (12, 14)
    assert isinstance(unlucky, EngineError)


def test_more_than_may_wait_is_refused_and_the_others_are_answered() -> None:
    async def story() -> None:
        engine = Engine()
        lane = batcher(engine, waiting_rows=3)
        engine.free.clear()
        taken = [asyncio.create_task(lane.predict(rows(n))) for n in range(3)]
        await settle()
        with pytest.raises(Refusal) as refusal:
            await lane.predict(rows(9))
        assert refusal.value.status == 503
        assert refusal.value.headers["Retry-After"]
        engine.free.set()
        assert [answer[0][0, 0] for answer in await asyncio.gather(*taken)] == [0, 1, 2]
        assert (await lane.predict(rows(9)))[0][0, 0] == 9
        lane.close()

    asyncio.run(story())


def test_a_large_request_is_taken_when_nothing_else_waits() -> None:
    async def story() -> int:
        engine = Engine()
        lane = batcher(engine, waiting_rows=3)
        answer, _ = await lane.predict(rows(*range(100)))
        lane.close()
        return len(answer)

    assert asyncio.run(story()) == 100


def test_a_failing_engine_fails_its_batch_and_works_again() -> None:
    async def story() -> None:
        engine = Engine()
        lane = batcher(engine)
        engine.failure = EngineError("broken")
        with pytest.raises(EngineError, match="broken"):
            await lane.predict(rows(1))
        engine.failure = None
        assert (await lane.predict(rows(5)))[0][0, 0] == 5
        lane.close()

    asyncio.run(story())


def test_whoever_has_gone_does_not_hold_up_the_others() -> None:
    async def story() -> None:
        engine = Engine()
        lane = batcher(engine)
        engine.free.clear()
        gone = asyncio.create_task(lane.predict(rows(1)))
        stays = asyncio.create_task(lane.predict(rows(2)))
        await settle()
        gone.cancel()
        engine.free.set()
        assert (await stays)[0][0, 0] == 2
        lane.close()

    asyncio.run(story())
