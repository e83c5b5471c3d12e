"""The example of a plain session of TensorFlow 1 runs as it stands."""

from pathlib import Path

from support.examples import example
from support.probed import paths


def test_the_session_is_recorded_with_its_path_through_time(tmp_path: Path) -> None:
    (told,) = example("tensorflow1_session", tmp_path)
    assert told.steps() == list(range(1, 201))
    assert list(told.scalar("val_loss")) == [50, 100, 150, 200]
    assert told.scalar("loss")[200] < told.scalar("loss")[1]
    assert list(paths(told)["rnn/basic_rnn_cell"])[:4] == [1, 5, 20, 50]
    assert [layer.kind for layer in told.description.model.layers] == ["SimpleRNN", "Dense"]
