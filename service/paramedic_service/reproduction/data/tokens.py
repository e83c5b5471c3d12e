"""Token sequences that show hidden factors by the words they prefer."""

import math

import numpy as np

from paramedic_service.reproduction.data.layout import Layout
from paramedic_service.reproduction.data.marginals import POINTS, Marginal
from paramedic_service.reproduction.data.rendering import envelopes
from paramedic_service.reproduction.data.samples import Array, Floats

_CANDIDATES = 6
"""Words that are proposed for each place; the one that suits the factors best is likeliest to be taken."""

_OCCURRENCES = 20
"""How often a word occurs on average: nobody learns anything of a word that occurs once."""

_PREFERENCE = 2.0


def speak(layout: Layout, factors: Floats, words: Marginal, generator: np.random.Generator) -> tuple[Array, Floats]:
    """Draws token ids.

    Args:
        layout: Of the tokens.
        factors: [samples, factors], or where they change over time, [samples, steps, factors].
        words: Marginal of the ids.
        generator: For the vocabulary and the choice.

    Returns:
        Ids, int64 [samples, steps], and what the words say, [samples, steps, factors].
    """
    count, steps, width = len(factors), math.prod(layout.positions), factors.shape[-1]
    known = max(_CANDIDATES, min(POINTS, count * steps // _OCCURRENCES))
    ids = np.unique(words.quantiles(generator, known)).astype(np.int64)
    frequencies = np.diff(np.searchsorted(words.quantiles(generator), ids, side="right"), prepend=0).astype(np.float64)
    frequencies = np.maximum(frequencies, 0.5) / np.maximum(frequencies, 0.5).sum()
    meanings = generator.normal(size=(len(ids), width))
    shown = (
        factors if factors.ndim == 3 else factors[:, None, :] * np.square(envelopes(layout, width, generator)).T[None]
    )
    chosen = np.empty((count, steps), np.int64)
    for step in range(steps):
        proposed = generator.choice(len(ids), (count, _CANDIDATES), p=frequencies)
        liking = np.einsum("ncf,nf->nc", meanings[proposed], shown[:, step]) * _PREFERENCE / math.sqrt(width)
        # The greatest of scores with Gumbel noise is a draw from their softmax.
        best = np.argmax(liking + generator.gumbel(size=liking.shape), 1)
        chosen[:, step] = proposed[np.arange(count), best]
    return ids[chosen], meanings[chosen]
