"""Past runs come out of what people already have, with the signals under Paramedic's names."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from paramedic.past.reading import read
from paramedic.past.run import GRADIENT, WEIGHT, PastRunError


def one(source):
    (past,) = read(source)
    return past


def signals(past) -> dict[str, list[float]]:
    return {name: scalar.values.tolist() for name, scalar in past.columns(0.0).scalars.items()}


def test_a_csv_of_keras_is_a_run_by_epochs(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,accuracy,loss,val_loss\n0,0.5,1.5,1.6\n1,0.6,nan,1.4\n")
    past = one(path)
    columns = past.columns(0.0)
    assert past.by_epochs
    assert columns.steps.tolist() == [0, 1]
    assert signals(past)["accuracy"] == [0.5, 0.6]
    assert signals(past)["val_loss"] == [1.6, 1.4]
    assert columns.scalars["loss"].values[0] == 1.5
    assert math.isnan(columns.scalars["loss"].values[1])


def test_empty_cells_are_absent(tmp_path):
    path = tmp_path / "metrics.csv"  # as Lightning writes them
    path.write_text("epoch,step,train_loss,val_loss\n0,49,1.5,\n0,99,1.2,\n0,99,,1.4\n")
    past = one(path)
    columns = past.columns(0.0)
    assert not past.by_epochs
    assert columns.steps.tolist() == [49, 99]
    assert columns.scalars["loss"].rows is None
    assert columns.scalars["val_loss"].rows.tolist() == [1]


def test_json_lines_have_their_own_steps_times_and_norms(tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [{"_step": step, "_timestamp": 1.7e9 + step, "train/loss": 1 / step, "grad_norm": step} for step in (5, 9)]
    path.write_text("\n".join(map(json.dumps, rows)))
    columns = one(path).columns(0.0)
    assert columns.steps.tolist() == [5, 9]
    assert columns.times.tolist() == [1.7e9 + 5, 1.7e9 + 9]
    assert list(columns.scalars) == ["loss"]
    assert columns.blocks[GRADIENT].values.tolist() == [[5], [9]]


def test_norms_of_tensors_are_columns_of_a_table(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"step": 1, "grad_2.0_norm/a": 1, "grad_2.0_norm/b": 2, "grad_2.0_norm_total": 3}))
    past = one(path)
    assert [tensor.name for tensor in past.described().tensors] == ["a", "b"]
    assert past.columns(0.0).blocks[GRADIENT].values.tolist() == [[1, 2]]


def test_the_state_of_a_trainer_is_a_run_by_steps(tmp_path):
    path = tmp_path / "trainer_state.json"
    history = [{"loss": 0.5, "step": 10, "epoch": 0.5}, {"eval_loss": 0.6, "step": 20, "epoch": 1.0}]
    path.write_text(json.dumps({"log_history": history, "global_step": 20}))
    past = one(path)
    assert past.columns(0.0).steps.tolist() == [10, 20]
    assert signals(past) == {"loss": [0.5], "val_loss": [0.6]}


@pytest.mark.parametrize("wrapped", [False, True], ids=["mapping", "history"])
def test_a_history_of_keras_is_a_run_by_epochs(wrapped):
    values = {"loss": [0.5, 0.25], "val_accuracy": [0.5, 1.0], "learning_rate": [np.float32(0.5), 0.25]}
    past = one(SimpleNamespace(history=values) if wrapped else values)
    assert past.by_epochs
    assert signals(past) == {"loss": [0.5, 0.25], "val_accuracy": [0.5, 1.0], "learning_rate": [0.5, 0.25]}


def test_event_files_of_pytorch_give_scalars_and_exact_norms(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    gradient, weights = np.array([3.0, -4.0]), np.array([1.0, 2.0, 2.0])
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(3):
            writer.add_scalar("Loss/train", 1.0 / (step + 1), step)
            writer.add_histogram("gradients/fc.weight", gradient * (step + 1), step)
            writer.add_histogram("weights/fc.weight", weights, step)
    columns = one(tmp_path).columns(0.0)
    assert columns.scalars["loss"].values.tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert columns.blocks[GRADIENT].values.tolist() == [[5], [10], [15]]
    assert columns.blocks[WEIGHT].values.tolist() == [[3], [3], [3]]


def test_what_keras_logged_of_training_and_validation_is_one_run(tmp_path):
    from tensorboardX import SummaryWriter

    for part, loss in (("train", 0.5), ("validation", 0.75)):
        with SummaryWriter(str(tmp_path / "run" / part)) as writer:
            writer.add_scalar("epoch_loss", loss, 0)
    past = one(tmp_path / "run")
    assert past.by_epochs
    assert signals(past) == {"loss": [0.5], "val_loss": [0.75]}


def test_every_run_below_a_log_directory_is_one(tmp_path):
    from tensorboardX import SummaryWriter

    for name in ("a", "b"):
        with SummaryWriter(str(tmp_path / name)) as writer:
            writer.add_scalar("loss", 1.0, 0)
    assert [past.name for past in read(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("log.jsonl", '{"step": 1}\nnonsense', "line 2 is no JSON"),
        ("log.jsonl", "[1]", "line 1: expected an object"),
        ("log.jsonl", '{"step": 1}', "no column of it has numbers"),
        ("log.json", "nonsense", "is no JSON"),
        ("log.json", "3", "expected a history by signal"),
        ("log.json", '{"loss": "low"}', "expected lists of numbers"),
        ("log.csv", "", "no column of it has numbers"),
        ("log.txt", "loss 3", "does not end with"),
        ("events.out.tfevents.1", "nonsense", "no step of it has a number"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PastRunError, match=said):
        [past.columns(0.0) for past in read(path)]


def test_a_file_that_is_not_there_and_a_directory_without_runs_say_so(tmp_path):
    with pytest.raises(PastRunError, match="does not exist"):
        read(tmp_path / "none.csv")
    with pytest.raises(PastRunError, match="no event files"):
        read(tmp_path)


def test_binary_data_under_the_name_of_a_table_says_so(tmp_path):
    path: Path = tmp_path / "log.csv"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(PastRunError, match="no table of text"):
        read(path)
