"""The order in which a training sees its samples."""

import numpy as np
import numpy.typing as npt


def batches(samples: int, batch: int, steps: int, seed: int) -> npt.NDArray[np.int32]:
    """Draws the samples of each step, int32 [steps, batch]: shuffled anew for every epoch.

    Samples that do not fill a last batch are left out of their epoch, so that all steps have the same shape.

    Args:
        samples: To train on.
        batch: Samples a step, no more than there are.
        steps: Of the training.
        seed: Equal for arms that are compared.
    """
    generator = np.random.default_rng((seed, samples))
    epoch = samples // batch
    epochs = [generator.permutation(samples)[: epoch * batch] for _ in range(-(-steps // epoch))]
    return np.concatenate(epochs).astype(np.int32).reshape(-1, batch)[:steps]
