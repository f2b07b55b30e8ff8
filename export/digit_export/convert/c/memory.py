"""Where each value of a network lies in one buffer, so that those in use never overlap."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from digit_export.convert.c.graph import Int8Network, Step

# These read each value before they write at its place, so they may write over what they take.
_IN_PLACE: Final = ("table", "add", "multiply", "prelu")


@dataclass(frozen=True)
class Plan:
    """Offsets in the buffer: of values by their number, of scratch by the step's place."""

    values: Mapping[int, int]
    scratch: Mapping[int, int]
    size: int


@dataclass
class _Block:
    size: int
    first: int
    last: int
    offset: int = 0


def plan(network: Int8Network) -> Plan:
    """Lay the values out, the largest first, each at the lowest place that is free.

    Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020,
    call this greedy by size.
    """
    blocks: dict[int, _Block] = {}
    scratch: dict[int, _Block] = {}
    last = {value: i for i, step in enumerate(network.steps) for value in step.taken}
    last[network.scores] = len(network.steps)
    for i, step in enumerate(network.steps):
        if step.scratch:
            scratch[i] = _Block(step.scratch, i, i)
        end = last.get(step.output, i)
        if step.output in blocks:
            continue
        over = _written_over(step, network.sizes, last, i)
        block = blocks[over] if over is not None else _Block(network.sizes[step.output], i, end)
        block.last = max(block.last, end)
        blocks[step.output] = block
    for value, block in blocks.items():
        block.last = max(block.last, last.get(value, 0))
    placed: list[_Block] = []
    distinct = list({id(b): b for b in (*blocks.values(), *scratch.values())}.values())
    for block in sorted(distinct, key=lambda b: -b.size):
        block.offset = _lowest_free(block, placed)
        placed.append(block)
    return Plan(
        {value: block.offset for value, block in blocks.items()},
        {i: block.offset for i, block in scratch.items()},
        max(block.offset + block.size for block in placed),
    )


def _written_over(
    step: Step, sizes: Mapping[int, int], last: Mapping[int, int], now: int
) -> int | None:
    if step.kernel not in _IN_PLACE:
        return None
    for value in step.taken:
        if last[value] == now and sizes[value] == sizes[step.output]:
            return value
    return None


def _lowest_free(block: _Block, placed: list[_Block]) -> int:
    meeting = [b for b in placed if b.first <= block.last and block.first <= b.last]
    offset = 0
    for other in sorted(meeting, key=lambda b: b.offset):
        if offset + block.size <= other.offset:
            break
        offset = max(offset, other.offset + other.size)
    return offset
