"""What is measured in a graph of TensorFlow 1 is what happens in it."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest

# In a process of its own: this one may have imported a TensorFlow without the cells of TensorFlow 1.
PROGRAM = """
import json, sys
from paramedic_service.reproduction.workloads import load

class Recorder:
    def __init__(self):
        self.rows = []
    def describe(self, description):
        self.tensors = [tensor.name for tensor in description.tensors]
    def log(self, step, scalars, tensors, paths):
        norms = {signal: values.tolist() for signal, values in tensors.items()}
        self.rows.append(norms | {layer: path[1].tolist() for layer, path in paths.items()})
    def score(self, error):
        pass

def run(arguments):
    recorder = Recorder()
    load("tensorflow1-rnn")(arguments, 0, 2, recorder)
    return {"rows": recorder.rows, "tensors": recorder.tensors}

json.dump({name: run(arguments) for name, arguments in json.loads(sys.argv[1]).items()}, sys.stdout)
"""


MOMENTUM = {"optimizer": "momentum", "learning_rate": 0.01}
PROGRAMS: dict[str, dict[str, Any]] = {
    "plain": MOMENTUM,
    "gru": MOMENTUM | {"cell": "GRUCell"},
    "clipped": MOMENTUM | {"global_clipnorm": 1e-3},
    "small weights": {"recurrent_deviation": 0.01},
    "small weights and gates": {"recurrent_deviation": 0.01, "cell": "LSTMCell"},
}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Two steps of each program: norms by signal and path by layer."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(PROGRAMS)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    programs: dict[str, Any] = json.loads(ran.stdout)
    return programs


@pytest.mark.parametrize("name", ["plain", "gru"])
def test_the_first_step_of_momentum_is_the_gradient_times_the_learning_rate(told: dict[str, Any], name: str) -> None:
    first, second = told[name]["rows"]
    assert len(told[name]["tensors"]) == len(first["gradient_norm"])
    assert first["update_norm"] == pytest.approx([0.01 * norm for norm in first["gradient_norm"]], rel=1e-3)
    pairs = zip(first["weight_norm"], second["weight_norm"], first["update_norm"], strict=True)
    assert all(abs(after - before) <= update * 1.001 for before, after, update in pairs)
    assert first["weight_norm"] != second["weight_norm"]


def test_gradients_are_measured_before_they_are_clipped(told: dict[str, Any]) -> None:
    plain, clipped = (told[name]["rows"][0] for name in ("plain", "clipped"))
    assert clipped["gradient_norm"] == pytest.approx(plain["gradient_norm"])
    assert math.hypot(*clipped["update_norm"]) == pytest.approx(0.01 * 1e-3, rel=1e-2)


def test_small_weights_lose_the_gradient_on_its_way_back_and_gates_carry_it(told: dict[str, Any]) -> None:
    plain, gated = (told[name]["rows"][0]["rnn"] for name in ("small weights", "small weights and gates"))
    assert len(plain) == len(gated) == 10
    assert plain == sorted(plain)
    assert plain[0] / plain[-1] < 1e-4
    assert gated[0] / gated[-1] > 1e-3
