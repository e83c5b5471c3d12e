"""Workloads are listed without being imported, and loaded by whoever trains."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from paramedic_service.reproduction import workloads
from paramedic_service.reproduction.worker.tensorflow1_arguments import Arguments, read_arguments


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two registered objects of the standard library, of which one can be called."""
    made = EntryPoints(
        EntryPoint(name, value, workloads.GROUP) for name, value in (("copy", "copy:copy"), ("text", "sys:version"))
    )
    monkeypatch.setattr(workloads, "entry_points", lambda **wanted: made.select(**wanted))


def test_listing_them_imports_none() -> None:
    listing = "import sys; from paramedic_service.reproduction.workloads import registered; print(registered())"
    told = "print([name for name in sys.modules if name.startswith(('tensorflow', 'keras')) or '.worker' in name])"
    ran = subprocess.run([sys.executable, "-c", f"{listing}; {told}"], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["('tensorflow1-rnn',)", "[]"]


def test_one_is_loaded_by_its_name(installed: None) -> None:
    assert workloads.registered() == ("copy", "text")
    assert workloads.load("copy").__name__ == "copy"


def test_an_unknown_one_is_refused_with_those_that_there_are(installed: None) -> None:
    with pytest.raises(LookupError, match="there is no workload 'os:system'; installed are: copy, text"):
        workloads.load("os:system")


def test_what_cannot_be_called_is_no_workload(installed: None) -> None:
    with pytest.raises(TypeError, match="'text' is a str"):
        workloads.load("text")


def test_a_program_of_tensorflow_1_is_the_plain_one_unless_told_otherwise() -> None:
    assert read_arguments({}) == Arguments()
    assert read_arguments({"units": 8.0, "recurrent_deviation": None}) == Arguments(units=8)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"colour": 1}, "colour: there is no such argument"),
        ({"cell": "os.system"}, "cell: got 'os.system', expected one of BasicRNNCell"),
        ({"cell": ["LSTMCell"]}, "cell: got"),
        ({"units": 10**9}, "units: got 1000000000, expected a whole number from 1 to 512"),
        ({"units": 2.5}, "units: got 2.5"),
        ({"units": True}, "units: got True"),
        ({"learning_rate": float("nan")}, "learning_rate: got nan"),
        ({"input_scale": float("inf")}, "input_scale: got inf"),
        ({"units": None}, "units: got None"),
        ({"standardise": 1}, "standardise: got 1, expected true or false"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        read_arguments(given)
