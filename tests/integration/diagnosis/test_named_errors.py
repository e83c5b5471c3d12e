"""Inputs and labels that a model cannot read end its training; the finding says what to do, the incident why."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic_service.ingest.live import LiveRun
from support.diagnosed import Samples, Training, run
from support.folding import alarms, folded, told
from support.source_programs import CLASSIFIER, classes, one_hot_classes

SHAPE = ("input_shape",)
ENCODING = ("label_encoding",)


class Named(NamedTuple):
    """An error that a source names.

    Attributes:
        training: That raises it.
        causes: Ids of those that name it.
        fix: Part of what the finding says is to be changed.
    """

    training: Training
    causes: tuple[str, ...]
    fix: str


def of_unequal_length(generator: np.random.Generator) -> Samples:
    x, y = classes(generator)
    ragged = np.empty(len(x), object)
    ragged[:] = [row[: generator.integers(5, 11)].tolist() for row in x]
    return ragged, y


def without_time(generator: np.random.Generator) -> Samples:
    x, y = classes(generator)
    return x.reshape(len(x), -1), y


def of_other_width(generator: np.random.Generator) -> Samples:
    x, y = classes(generator)
    return x[:, :, :5], y


DECLARED = replace(CLASSIFIER, shape=(10, 8))

ERRORS: dict[str, Named] = {
    "sequences_of_unequal_length": Named(replace(DECLARED, data=of_unequal_length), SHAPE, "pad_sequences"),
    "flattened_sequences": Named(replace(DECLARED, data=without_time), SHAPE, "x = x.reshape(len(x), 10, 8)"),
    "another_number_of_features": Named(replace(DECLARED, data=of_other_width), SHAPE, "Input(shape=(10, 5))"),
    "integer_labels_for_categorical_crossentropy": Named(
        replace(CLASSIFIER, loss="categorical_crossentropy"), ENCODING, "keras.utils.to_categorical(y, 3)"
    ),
    "one_hot_labels_for_sparse_categorical_crossentropy": Named(
        replace(CLASSIFIER, data=one_hot_classes), ENCODING, "Use categorical_crossentropy"
    ),
}


def assert_explained(live: LiveRun, causes: tuple[str, ...], fix: str) -> None:
    first = alarms(live)[:1]
    assert [incident.causes[0].id in causes for incident in first] == [True], told(live)
    assert "training_error" in first[0].rules
    said = [text for each in live.diagnosis.findings.values() for text in (each.summary, *each.remedies)]
    assert any(fix in text for text in said), said


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_gets_its_cause_first_and_the_fix_with_it(name: str, tmp_path: Path) -> None:
    named = ERRORS[name]
    assert_explained(run(named.training, 0, tmp_path), named.causes, named.fix)


def shape_mismatch(directory: Path) -> None:
    """Example 1 of the LSTM source as it stands, but for the Monitor."""
    with paramedic.init("sources", id="run", mode="offline", spool_dir=directory) as reporting:
        x = np.array([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]])
        y = np.array([[0], [1]])
        model = keras.Sequential([keras.Input((3, 2)), layers.LSTM(64), layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=10, verbose=0, callbacks=[Monitor(reporting)])
        x_incorrect = np.array([[[1, 2], [3, 4]], [[7, 8], [9, 10], [11, 12]]])
        model.fit(x_incorrect, y, epochs=10, verbose=0, callbacks=[Monitor(reporting)])


def test_the_shape_mismatch_of_the_lstm_source_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        shape_mismatch(tmp_path)
    live = folded(tmp_path)
    assert_explained(live, SHAPE, "pad_sequences")
    assert set(live.diagnosis.findings) == {"training_error"}, "its first fit is sound"
