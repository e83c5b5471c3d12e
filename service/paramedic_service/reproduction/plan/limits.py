"""How much a reproduction may ask for."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a reproduction, checked before anything is allocated.

    The defaults suit two cores: a reproduction shows a fault on a small scale, it is not a training cluster. What takes
    time, memory or disk is bounded a second time, by the process that trains.

    Attributes:
        spec_bytes: Size of the whole specification.
        text: Characters of a name or a short text.
        nesting: How deep settings may hold lists and settings again.
        values: Values within one layer's settings, or one patch.
        layers: Layers and operations of a model.
        parameters: Weights of a model.
        units: Width of a layer: units, filters, heads, output dimensions.
        vocabulary: Rows of an embedding.
        sequence_length: Time steps.
        features: Elements of one sample, over all its axes.
        rank: Axes of an array, the batch axis included.
        classes: Distinct labels.
        arrays: Inputs, and likewise targets, of a model.
        samples: Training and held-out samples together.
        batch_size: Samples a step.
        steps: Optimizer steps a training.
        seeds: Trainings an arm.
        arms: Ways of training.
        total_steps: Steps of all trainings together.
        rules: Rules that the fault may be told by.
        operations: Changes within one arm's patch.
        memory_bytes: What one training holds at its peak, weights, optimizer, activations and samples, as estimated
            beforehand; the process is given this much on top of what its framework takes.
        seconds: What the whole reproduction may take.
        disk_bytes: What it may write.
    """

    spec_bytes: int = 4 * MEBIBYTE
    text: int = 512
    nesting: int = 12
    values: int = 4_096
    layers: int = 200
    parameters: int = 5_000_000
    units: int = 8_192
    vocabulary: int = 200_000
    sequence_length: int = 2_000
    features: int = 200_000
    rank: int = 6
    classes: int = 1_024
    arrays: int = 8
    samples: int = 20_000
    batch_size: int = 8_192
    steps: int = 5_000
    seeds: int = 10
    arms: int = 32
    total_steps: int = 500_000
    rules: int = 128
    operations: int = 128
    memory_bytes: int = 2_048 * MEBIBYTE
    seconds: float = 1_800.0
    disk_bytes: int = 512 * MEBIBYTE
