"""A run of the corpus is trained, measured and recorded."""

from dataclasses import replace
from pathlib import Path

from corpus.programs.tables import WINE
from corpus.recording import entries, pack
from corpus.telemetry import Telemetry, decode
from corpus.training import Outcome, train


def recorded(tmp_path: Path, program: object = WINE) -> tuple[Outcome, Telemetry]:
    outcome = train(program, 0, "run", tmp_path / "spool")  # type: ignore[arg-type]
    pack(tmp_path / "spool", tmp_path / "run.spool.xz")
    return outcome, decode(entries(tmp_path / "run.spool.xz", tmp_path))


def test_a_healthy_training_is_measured_on_held_out_samples_and_recorded_step_by_step(tmp_path: Path) -> None:
    outcome, telemetry = recorded(tmp_path, replace(WINE, epochs=3, validated=True))
    assert outcome.skill is not None
    assert outcome.skill > 0.3
    assert outcome.best_loss is not None
    assert outcome.steps == 3 * outcome.steps_per_epoch
    assert len(telemetry.epochs) == 3
    assert telemetry.scalar("loss").steps.tolist() == list(range(1, outcome.steps + 1))
    assert telemetry.by_epoch("val_loss").values.tolist() == telemetry.scalar("val_loss").values.tolist()
    assert telemetry.block("gradient_norm").values.shape == (outcome.steps, 4)
    assert telemetry.error == ""


def test_an_exception_that_ends_a_training_is_its_outcome_and_in_its_recording(tmp_path: Path) -> None:
    outcome, telemetry = recorded(tmp_path, replace(WINE, loss="categorical_crossentropy"))
    assert outcome.error == "ValueError"
    assert outcome.steps == 0
    assert telemetry.error == "ValueError"


def test_the_same_seed_trains_the_same_run(tmp_path: Path) -> None:
    first = train(replace(WINE, epochs=1), 1, "run", tmp_path / "first")
    second = train(replace(WINE, epochs=1), 1, "run", tmp_path / "second")
    other = train(replace(WINE, epochs=1), 2, "run", tmp_path / "other")
    assert first == second
    assert first.loss != other.loss
