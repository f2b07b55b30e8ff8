"""Printed rules, frames and boxes: thin, long and straight, whichever way the sheet lies.

As music readers take staff lines away (Dalitz et al., A Comparative Study of Staff Removal
Algorithms, 2008): across a rule the ink is a short run, and where a stroke crosses, a longer
one, which stays. Short runs that touch form pieces; pieces on one straight line form a rule.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.ink import Mask
from digit_runtime.inputs.page.pieces import (
    Numbers,
    Pieces,
    pieces_of,
    runs_across,
    straight,
)
from digit_runtime.inputs.page.runs import Indices, Runs, join, paint, runs_of, touching

# Pieces shorter than this, in pixels, say nothing about a direction.
_SHORTEST: Final = 14
# How near the border a rule ends that reaches it, as a share of the picture's side.
_NEAR_BORDER: Final = 0.08
# How near, in pixels, the end of a box's side comes to the rule it stands on.
_JOINT: Final = 5


@dataclass(frozen=True)
class _Rule:
    at: float
    slope: float
    top: float
    bottom: float
    thickness: float
    ink: float


def remove_rules(mask: Mask, strength: Grey) -> tuple[Runs, list[tuple[int, int, int, int]]]:
    """Return the runs of a mask without its rules, and their boxes (left, top, right, bottom)."""
    height, width = mask.shape
    longer = max(height, width)
    # What is wider is a stroke; small pictures have thin ones.
    thickest = max(min(5, longer // 32), longer // 120)
    least = max(0.13 * longer, min(0.45 * longer, 160.0))
    runs = runs_of(mask)
    thin = [one[(one.stop - one.start) <= thickest] for one in (runs, runs_across(mask, runs))]
    if max(len(one) for one in thin) < least:
        return runs, []
    joined = [join(len(one), *touching(one)) for one in thin]
    if not any(_may_be_rules(piece, least) for piece in joined):
        return runs, []
    pieces = [pieces_of(thin[0], joined[0], strength), pieces_of(thin[1], joined[1], strength.T)]
    rules = [_rules(one, least, side) for one, side in zip(pieces, (height, width), strict=True)]
    if not any(rules):
        return runs, []
    long = [list(found) for found in rules]
    for one, found in zip(pieces, rules, strict=True):
        found.extend(_remains(one, found))
    for one, found, other, side in zip(pieces, rules, rules[::-1], (height, width), strict=True):
        found.extend(_cut_off(one, [*found, *other], side))
    for one, found, other in zip(pieces, rules, long[::-1], strict=True):
        found.extend(_sides(one, other))
    boxes = []
    mask = mask.copy()
    _erase(mask, pieces[0], rules[0])
    if rules[1]:
        across = np.ascontiguousarray(mask.T)
        _erase(across, pieces[1], rules[1])
        np.copyto(mask, across.T)
    for axis, found in enumerate(rules):
        for rule in found:
            ends = sorted(rule.at + rule.slope * at for at in (rule.top, rule.bottom))
            box = (int(ends[0]), int(rule.top), int(ends[1]) + 1, int(rule.bottom) + 1)
            boxes.append(box if axis == 0 else (box[1], box[0], box[3], box[2]))
    return runs_of(mask), boxes


def _may_be_rules(piece: Indices, least: float) -> bool:
    """Tell whether pieces are many and long enough: for each pixel of length they have a run."""
    runs = np.bincount(piece)
    return bool(runs[runs >= _SHORTEST].sum() >= least)


def _rules(pieces: Pieces, least: float, side: int) -> list[_Rule]:
    """Return the rules: straight pieces on one line that cover `least` pixels together."""
    length = (pieces.bottom - pieces.top + 1).astype(np.float64)
    middle_row = (pieces.top + pieces.bottom) / 2
    middle = pieces.at + pieces.slope * middle_row
    left = straight(pieces, _SHORTEST)
    rules = []
    for seed in np.argsort(-length):
        if length[seed] < max(2 * _SHORTEST, least / 6):
            break
        if not left[seed]:
            continue
        off = middle - (pieces.at[seed] + pieces.slope[seed] * middle_row)
        far = np.abs(middle_row - middle_row[seed])
        near = (
            left
            & (np.abs(off) <= 1.5 + 0.012 * np.maximum(0, far - length[seed] / 2))
            & (pieces.thickness <= 1.6 * pieces.thickness[seed] + 1)
        )
        if length[near].sum() < least:
            continue
        left &= ~near
        rules.append(_to_border(_through(pieces, near, length), side))
    return rules


def _to_border(rule: _Rule, side: int) -> _Rule:
    """Return a rule that ends near the border as one that reaches it."""
    near = _NEAR_BORDER * side
    top = 0.0 if rule.top < near else rule.top
    bottom = side - 1.0 if rule.bottom > side - near else rule.bottom
    return replace(rule, top=top, bottom=bottom)


def _through(pieces: Pieces, chosen: NDArray[np.bool_], length: Numbers) -> _Rule:
    """Return the straight line through pieces, each weighing its length."""
    ends = np.concatenate([pieces.top[chosen], pieces.bottom[chosen]]).astype(np.float64)
    twice = np.tile(np.flatnonzero(chosen), 2)
    places = pieces.at[twice] + pieces.slope[twice] * ends
    weights = length[twice]
    mean_row, mean_place = (np.average(v, weights=weights) for v in (ends, places))
    spread = np.average((ends - mean_row) ** 2, weights=weights)
    slope = np.average((ends - mean_row) * (places - mean_place), weights=weights) / spread
    return _Rule(
        float(mean_place - slope * mean_row),
        float(slope),
        float(ends.min()),
        float(ends.max()),
        float(np.average(pieces.thickness[chosen], weights=length[chosen])),
        float(np.average(pieces.ink[chosen], weights=length[chosen])),
    )


def _remains(pieces: Pieces, rules: list[_Rule]) -> list[_Rule]:
    """Return pieces too short for a rule, but of the colour, width and direction of several."""
    if len(rules) < 3:
        return []
    slope, thickness, ink = (
        float(np.median([getattr(rule, name) for rule in rules]))
        for name in ("slope", "thickness", "ink")
    )
    alike = (
        straight(pieces, 6)
        & (np.abs(pieces.slope - slope) < 0.03)
        & (np.abs(pieces.thickness - thickness) < 0.3 * thickness + 0.3)
        & (np.abs(pieces.ink - ink) < 0.25 * ink)
    )
    return [_rule(pieces, int(index)) for index in np.flatnonzero(alike)]


def _cut_off(pieces: Pieces, rules: list[_Rule], side: int) -> list[_Rule]:
    """Return pieces that run into the border of the picture, as thin as its rules."""
    if not rules:
        return []
    thickness = 1.5 * float(np.median([rule.thickness for rule in rules])) + 0.5
    thin = straight(pieces, 6) & (pieces.thickness <= thickness)
    middle = (pieces.top + pieces.bottom) / 2
    gone = thin & ((pieces.top == 0) | (pieces.bottom == side - 1))
    # What stands between it and the border's piece may be broken again by other rules.
    for index in np.flatnonzero(gone):
        off = pieces.at[index] + pieces.slope[index] * middle - pieces.at - pieces.slope * middle
        gone |= thin & (np.abs(off) < 1.5) & (np.abs(pieces.ink - pieces.ink[index]) < 16)
    return [_rule(pieces, int(index)) for index in np.flatnonzero(gone)]


def _rule(pieces: Pieces, index: int) -> _Rule:
    names = ("at", "slope", "top", "bottom", "thickness", "ink")
    return _Rule(*(float(getattr(pieces, name)[index]) for name in names))


def _sides(pieces: Pieces, across: list[_Rule]) -> list[_Rule]:
    """Return the short sides of boxes: straight pieces from one rule to another."""
    if len(across) < 2:
        return []
    thickest = 1.6 * max(rule.thickness for rule in across) + 1.5
    chosen = np.flatnonzero(straight(pieces, 8) & (pieces.thickness <= thickest))
    at, slope = pieces.at[chosen], pieces.slope[chosen]
    both = np.ones(len(chosen), np.bool_)
    for end in (pieces.top[chosen], pieces.bottom[chosen]):
        both &= _ends_on(at + slope * end, end, across)
    return [_rule(pieces, int(index)) for index in chosen[both]]


def _ends_on(place: Numbers, row: Indices, across: list[_Rule]) -> NDArray[np.bool_]:
    result = np.zeros(len(place), np.bool_)
    for rule in across:
        off = np.abs(rule.at + rule.slope * place - row)
        within = (rule.top - _JOINT <= place) & (place <= rule.bottom + _JOINT)
        result |= (off <= _JOINT + rule.thickness / 2) & within
    return result


def _erase(mask: Mask, pieces: Pieces, rules: list[_Rule]) -> None:
    """Erase the short runs on each rule; longer ones belong to a stroke that crosses it."""
    runs = pieces.runs
    middle = (runs.start + runs.stop - 1) / 2
    length = runs.stop - runs.start
    gone = np.zeros(len(runs), np.bool_)
    # Of the rows' own type, or each search would copy all of them.
    ends = np.array([(rule.top - 1, rule.bottom + 2) for rule in rules]).reshape(-1, 2)
    places = np.searchsorted(runs.row, np.ceil(ends).astype(runs.row.dtype))
    for rule, (first, last) in zip(rules, places.tolist(), strict=True):
        part = slice(first, last)
        off = np.abs(middle[part] - rule.at - rule.slope * runs.row[part])
        gone[part] |= (off <= 1.5 + rule.thickness / 2) & (length[part] <= 1.5 * rule.thickness + 1)
    paint(mask, runs[gone], False)
