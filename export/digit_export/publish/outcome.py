"""What became of one target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from digit_runtime.models.manifest import Parity

from digit_export.convert.targets import Target

if TYPE_CHECKING:
    from digit_export.parity.layer_errors import LayerError

EXPORTED: Final = "exported"
REPRODUCED: Final = "reproduced"
UP_TO_DATE: Final = "up to date"
NOT_PUBLISHED: Final = "not published"
NOT_APPLICABLE: Final = "not applicable"
"""Of a target that the network cannot have by its nature: no failure."""


@dataclass(frozen=True)
class Outcome:
    """What became of one target; `reasons` says why it was not published.

    `parity` was measured in this run if `status` is "exported". It is that of the
    manifest if the same bytes came out again ("reproduced") or are there already.
    """

    target: Target
    path: Path
    status: str
    bytes: int = 0
    sha256: str = ""
    parity: Mapping[str, Parity] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    layers: Sequence["LayerError"] = ()
    """The error behind each layer, if that was asked for."""

    @property
    def is_published(self) -> bool:
        """Whether the file is there, of these very inputs."""
        return self.status not in (NOT_PUBLISHED, NOT_APPLICABLE)
