"""What targets depend on: hidden factors, and a small random network that reads the targets off them."""

import numpy as np

from paramedic_service.reproduction.data.samples import Array, Floats

_CURVATURE = 0.5
"""How much of what the network sees is bent: enough to reward hidden layers, not so much that they must be wide."""

_DISTANCE = 3.5
"""From the centre of a class to its nearest neighbour, on average, in deviations of the samples around it."""

_ROUNDS = 40
_SHRINK = 0.9


class Teacher:
    """A fixed network with random weights over hidden factors.

    Args:
        generator: For its weights.
        factors: How many there are.
    """

    def __init__(self, generator: np.random.Generator, factors: int) -> None:
        self.factors = factors
        self._generator = generator
        self._mixing = generator.normal(size=(factors, factors)) * 2 / np.sqrt(factors)

    def bend(self, factors: Array) -> Floats:
        """The network's hidden layer, around the factors as they are: [..., factors], of the same shape."""
        bent: Floats = factors + _CURVATURE * np.tanh(factors @ self._mixing)
        return bent

    def centres(self, classes: int) -> Floats:
        """Draws where classes lie, [classes, factors]: as far apart however many they are, and whatever is drawn."""
        drawn = self._generator.normal(size=(classes, self.factors))
        if classes == 2:
            drawn = np.stack([opposed := self._leaning(1)[0], -opposed])
        squares = np.square(drawn).sum(1)
        apart = squares[:, None] + squares - 2 * drawn @ drawn.T
        np.fill_diagonal(apart, np.inf)
        nearest = np.sqrt(np.maximum(apart.min(1), 0.0)).mean() if classes > 1 else 1.0
        centres: Floats = _DISTANCE / max(float(nearest), 1e-6) * (drawn - drawn.mean(0))
        return centres

    def scores(self, factors: Array, centres: Floats) -> Floats:
        """How near factors [..., factors] are to each centre, as the network sees them: [..., classes]."""
        seen, goals = self.bend(factors), self.bend(centres)
        near: Floats = 2 * seen @ goals.T - np.square(goals).sum(1)
        return near

    def around(self, labels: Array, centres: Floats) -> Floats:
        """Draws factors [samples, factors] of which the network says just these labels [samples]."""
        spread = np.ones(len(labels))
        factors = centres[labels] + self._generator.normal(size=(len(labels), self.factors))
        wrong = np.arange(len(labels))
        for _ in range(_ROUNDS):
            wrong = wrong[np.argmax(self.scores(factors[wrong], centres), -1) != labels[wrong]]
            if not wrong.size:
                break
            spread[wrong] *= _SHRINK
            noise = self._generator.normal(size=(len(wrong), self.factors))
            factors[wrong] = centres[labels[wrong]] + spread[wrong, None] * noise
        return factors

    def values(self, factors: Array, columns: int) -> Floats:
        """Real numbers that depend on factors [..., factors]: bell-shaped, [..., columns]."""
        read: Floats = self.bend(factors) @ self._leaning(columns).T
        return read

    def _leaning(self, count: int) -> Floats:
        """Directions [count, factors] in which every factor matters, however few there are."""
        signs = self._generator.choice((-1.0, 1.0), (count, self.factors))
        leaning: Floats = signs * self._generator.uniform(0.7, 1.3, (count, self.factors))
        return leaning


def thresholds_by_share(scores: Floats, shares: Floats) -> Floats:
    """What to add to scores so that each class scores best as often as it should.

    Args:
        scores: Of some samples, [samples, classes].
        shares: How frequent each class is, [classes], above 0.
    """
    scale = float(scores.std()) or 1.0
    thresholds = np.zeros(len(shares))
    for _ in range(_ROUNDS):
        found = np.bincount(np.argmax(scores + thresholds, -1), minlength=len(shares)) / len(scores)
        step = np.log(shares) - np.log(np.maximum(found, 1e-4))
        thresholds += 0.3 * scale * np.clip(step, -3, 3)
    return thresholds
