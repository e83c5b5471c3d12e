"""The examples of TensorFlow loops."""

from support.examples import example


def test_a_loop_around_a_gradient_tape(tmp_path):
    (told,) = example("tensorflow_gradient_tape", tmp_path)
    assert told.steps() == list(range(1, 193))
    losses = told.scalar("loss")
    assert losses[192] < losses[1]
    assert len(told.tensors) == 4
    assert told.order.count("epoch_ended") == 3


def test_replicas_in_one_process(tmp_path):
    (told,) = example("tensorflow_mirrored", tmp_path)
    assert told.steps() == list(range(1, 33))
    assert told.description.losses[0].name == "sparse_categorical_crossentropy"
