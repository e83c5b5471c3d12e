"""What causes and remedies ask about a model: which layers do what, and what the output is for."""

from paramedic_service.rules.description import ArrayProfile, Description, Layer

PLAIN_RECURRENT = frozenset({"SimpleRNN", "SimpleRNNCell"})
GATED_RECURRENT = frozenset({"LSTM", "GRU", "LSTMCell", "GRUCell"})
WRAPPERS = frozenset({"Bidirectional", "RNN", "ConvLSTM1D", "ConvLSTM2D"})
DROPOUT = frozenset({"Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"})
NORMALISATION = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"})
JOINS = frozenset({"Add", "Concatenate", "Average", "Multiply"})
ACTIVATIONS = frozenset({"Activation", "Softmax", "ReLU", "LeakyReLU", "ELU", "PReLU"})
LINEAR = frozenset({"", "linear"})
SATURATING = frozenset({"sigmoid", "tanh", "hard_sigmoid", "softsign", "hard_tanh"})
RECTIFIERS = frozenset({"relu", "relu6"})

REGRESSION_LOSSES = frozenset(
    {
        "mean_squared_error",
        "mse",
        "mean_absolute_error",
        "mae",
        "mean_squared_logarithmic_error",
        "mean_absolute_percentage_error",
        "huber",
        "log_cosh",
    }
)


class Network:
    """A view on what is known of a training; every answer is empty where nothing is known.

    Attributes:
        description: What it looks at.
        layers: Of the model, in forward order.
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self.layers: tuple[Layer, ...] = () if description.model is None else description.model.layers

    @property
    def known(self) -> bool:
        """Whether the model is known."""
        return bool(self.layers)

    @property
    def recurrent(self) -> list[Layer]:
        """Recurrent layers, wrapped ones included."""
        return [layer for layer in self.layers if layer.kind in PLAIN_RECURRENT | GATED_RECURRENT | WRAPPERS]

    @property
    def plain_recurrent(self) -> list[Layer]:
        """Recurrent layers without gates."""
        return [layer for layer in self.layers if layer.kind in PLAIN_RECURRENT]

    @property
    def weighted(self) -> list[Layer]:
        """Layers with a width of their own: dense, recurrent and convolutional ones."""
        return [layer for layer in self.layers if layer.units is not None]

    @property
    def output(self) -> Layer | None:
        """The last layer with a width."""
        return self.weighted[-1] if self.weighted else None

    @property
    def hidden(self) -> list[Layer]:
        """Layers with a width, but for the output."""
        return self.weighted[:-1]

    @property
    def output_activation(self) -> str:
        """Activation of the output, whether it is the layer's own or a layer behind it; "linear" when there is none."""
        output = self.output
        if output is None:
            return ""
        behind = self.layers[self.layers.index(output) + 1 :]
        own = [output.activation, *(each.activation or each.kind.lower() for each in behind if not each.units)]
        told = [each for each in own if each in {"softmax", "sigmoid", "tanh", "relu", "softplus", "exponential"}]
        return told[-1] if told else "linear"

    @property
    def dropout(self) -> list[Layer]:
        """Dropout layers."""
        return [layer for layer in self.layers if layer.kind in DROPOUT]

    @property
    def normalised(self) -> bool:
        """Whether a layer normalises activations, or shortcuts lead around layers."""
        return any(layer.kind in NORMALISATION | JOINS for layer in self.layers)

    @property
    def time_steps(self) -> int | None:
        """Length of the sequences that recurrent layers read; None when unknown or there are none."""
        shapes = [layer.input_shape for layer in self.recurrent]
        data = self.description.data
        if self.recurrent and data is not None:
            shapes += [array.shape for array in data.inputs]
        lengths = [shape[1] for shape in shapes if len(shape) == 3 and shape[1] > 0]
        return max(lengths, default=None)

    @property
    def target(self) -> ArrayProfile | None:
        """Profile of the only target; None when there are several or none."""
        data = self.description.data
        return data.targets[0] if data is not None and len(data.targets) == 1 else None

    @property
    def encoding(self) -> str:
        """How labels are written down; empty when unknown."""
        return "" if self.target is None else self.target.encoding

    @property
    def classes(self) -> int | None:
        """Classes in the labels; None when they are no labels or unknown."""
        target = self.target
        if target is None or target.encoding not in ("integer", "one_hot", "binary"):
            return None
        return len(target.class_counts) or None

    @property
    def loss(self) -> str:
        """Name of the only loss; empty when there are several or none."""
        losses = self.description.losses
        return losses[0].name if len(losses) == 1 else ""

    @property
    def logits(self) -> bool:
        """Whether the loss reads logits."""
        return any(loss.from_logits for loss in self.description.losses)

    @property
    def learning_rate(self) -> float | None:
        """At the first step."""
        optimizer = self.description.optimizer
        return None if optimizer is None else optimizer.learning_rate

    @property
    def clipped(self) -> bool:
        """Whether gradients are clipped."""
        optimizer = self.description.optimizer
        return optimizer is not None and any(
            bound is not None for bound in (optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm)
        )

    @property
    def batch_size(self) -> int | None:
        """Samples a step."""
        return None if self.description.training is None else self.description.training.batch_size
