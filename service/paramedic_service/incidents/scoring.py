"""How likely causes are, by the evidence."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from paramedic_service.incidents.evidence import CauseDeclaration, Symptom
from paramedic_service.incidents.incident import Cause
from paramedic_service.incidents.situation import Situation


@dataclass(frozen=True, slots=True)
class Weighed:
    """A candidate cause in a situation.

    Attributes:
        declaration: Of the cause.
        log_odds: Of its being at work.
        supporting: What speaks for it, the weightiest first.
        opposing: What speaks against it, likewise.
    """

    declaration: CauseDeclaration
    log_odds: float
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]

    @property
    def score(self) -> float:
        """The log-odds as a probability."""
        return 1 / (1 + math.exp(-self.log_odds))

    def told(self, situation: Situation) -> Cause:
        """The cause with the remedies that fit."""
        made = (make(situation) for make in self.declaration.remedies)
        return Cause(
            id=self.declaration.id,
            title=self.declaration.title,
            score=self.score,
            supporting=self.supporting,
            opposing=self.opposing,
            remedies=tuple(remedy for remedy in made if remedy is not None),
        )


def rank(causes: Iterable[CauseDeclaration], situation: Situation) -> list[Weighed]:
    """Candidates among causes, the most likely first; those that explain nothing of the situation are none."""
    weighed = (_weigh(cause, situation) for cause in causes)
    # Ids break ties, so that the order depends on nothing else.
    return sorted((each for each in weighed if each), key=lambda each: (-each.log_odds, each.declaration.id))


def _weigh(cause: CauseDeclaration, situation: Situation) -> Weighed | None:
    log_odds = cause.prior
    seen: list[tuple[float, tuple[str, ...]]] = []
    candidate = False
    for clue in cause.clues:
        observation = clue(situation)
        if observation is None:
            continue
        log_odds += observation.weight
        seen.append((observation.weight, observation.sentences))
        candidate = candidate or (isinstance(clue, Symptom) and observation.weight > 0)
    if not candidate:
        return None
    seen.sort(key=lambda each: -abs(each[0]))
    return Weighed(
        cause,
        log_odds,
        _sentences(sentences for weight, sentences in seen if weight > 0),
        _sentences(sentences for weight, sentences in seen if weight < 0),
    )


def _sentences(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence for group in groups for sentence in group))
