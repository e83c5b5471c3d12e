"""The example of a PyTorch loop."""

from support.examples import example


def test_pytorch(tmp_path):
    (told,) = example("pytorch", tmp_path)
    assert list(told.scalar("loss")) == list(range(1, 169))
    assert told.tensors[0] == "lstm.weight_ih_l0"
    assert [layer.kind for layer in told.description.model.layers] == ["LSTM", "Dense"]
    assert told.description.losses[0].from_logits
    assert list(told.scalar("val_loss")) == [56, 112, 168]
    assert told.scalar("loss")[168] < 0.5 < told.scalar("loss")[1]
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
