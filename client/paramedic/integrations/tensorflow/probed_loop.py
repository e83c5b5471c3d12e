"""What is measured of a model that a loop of one's own trains."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from paramedic.integrations.keras.backend.tensorflow.probe_model import ProbedModel


class ProbedLoop(ProbedModel):
    """What is measured of a model that was not compiled, with the loss that its loop calls."""

    def __init__(self, model: Any, variables: Sequence[Any], loss: Callable[..., Any] | None, optimizer: Any) -> None:
        """Looks for what can be measured.

        Args:
            model: A keras.Model, built.
            variables: Whose gradients are measured.
            loss: Of targets and predictions; None: only activations are measured.
            optimizer: Of Keras, whose loss scale keeps small gradients from vanishing; None for none.
        """
        super().__init__(model, variables)
        self._function = loss
        self._optimizer = optimizer

    def _loss(self, batch: Any) -> tuple[Any, Any]:
        inputs, targets, _ = batch
        if self._function is None or targets is None:
            raise ValueError("without the loop's loss and its targets there are no gradients")
        loss = tf.reduce_mean(self._function(targets, self._predict(inputs)))
        if self._optimizer is None:
            return loss, tf.ones([], tf.float32)
        scale = tf.cast(self._optimizer.scale_loss(tf.ones([], loss.dtype)), tf.float32)
        return self._optimizer.scale_loss(loss), scale
