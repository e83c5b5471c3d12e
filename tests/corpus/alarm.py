"""What any diagnostician says of a run, ours or another's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alarm:
    """One problem that was reported.

    Attributes:
        name: Of the problem.
        step: At which it was reported.
        causes: What it blames, the most likely first, as ids of our causes.
        rules: That spoke for it.
    """

    name: str
    step: int
    causes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
