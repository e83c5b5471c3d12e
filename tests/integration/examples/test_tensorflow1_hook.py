"""The example of a session of TensorFlow 1 with hooks runs as it stands."""

from pathlib import Path

from support.examples import example


def test_the_session_is_recorded_to_the_end_of_its_data(tmp_path: Path) -> None:
    (told,) = example("tensorflow1_hook", tmp_path)
    assert told.steps() == list(range(1, 257))
    assert told.scalar("loss")[256] < told.scalar("loss")[1]
    assert [layer.activation for layer in told.description.model.layers] == ["relu", "linear"]
    assert not [event for event in told.events if event.HasField("error")]
