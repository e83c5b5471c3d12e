"""The page on a reproduction: what it says, and that nothing on it can do harm."""

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import numpy as np
import pytest

from paramedic.v1.description_pb2 import OptimizerConfig, RunDescription
from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_CANCELLED,
    REPRODUCTION_STATE_FAILED,
    REPRODUCTION_STATE_FINISHED,
    Arm,
    Reproduction,
    ReproductionSpec,
    TrainingOutcome,
)
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.reproduction.report import render
from paramedic_service.reproduction.report.axes import label, step_axis, value_axis
from paramedic_service.reproduction.report.changes import Change, changes_of
from paramedic_service.reproduction.report.curves import bundle
from paramedic_service.reproduction.verdict import judge

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&\u202e\x00\x1b[31m"
LOWER = {"optimizer.learning_rate": {"multiply": 0.1}}
VOID = {"meta", "br", "col"}


def description() -> RunDescription:
    described = RunDescription(optimizer=OptimizerConfig(name="sgd", learning_rate=1.0))
    described.model.layers.add(name="rnn", kind="SimpleRNN", activation="relu", units=8)
    described.model.layers.add(name="dense", kind="Dense", activation="sigmoid", units=1)
    described.losses.add(name="mean_squared_error")
    described.training.batch_size = 32
    described.data.inputs.add(shape=(-1, 10, 1), mean=5.0, deviation=2.0)
    return described


def outcome(arm: int, seed: int, losses: list[float], *rules: str, error: str = "") -> TrainingOutcome:
    lost = not math.isfinite(losses[-1])
    made = TrainingOutcome(arm=arm, seed=seed, final_loss=math.inf if lost else losses[-1], error=error, duration=1.5)
    for rule in rules:
        made.findings.add(rule=rule, opened_step=3, severity=3)
    for signal in ("loss", "gradient_norm"):
        made.curves.add(signal=signal, steps=range(1, len(losses) + 1), values=losses)
    return made


def reproduction(*, text: str = "Lower the learning rate.", name: str = "lower") -> Reproduction:
    arms = [Arm(name="as reported", text=""), Arm(name=name, text=text, patch=write_patch(LOWER))]
    spec = ReproductionSpec(
        title=f"project/run: {text}", description=description(), steps=20, seeds=3, arms=arms, rules=["nonfinite_loss"]
    )
    made = Reproduction(id="abc", spec=spec, state=REPRODUCTION_STATE_FINISHED, device="cpu", incident="nonfinite_loss")
    exploding = [10.0 * 3.0**step for step in range(10)] + [math.nan] * 10
    for seed in range(3):
        made.trainings.append(outcome(0, seed, exploding, "nonfinite_loss"))
        made.trainings.append(outcome(1, seed, [1.0 / step for step in range(1, 21)]))
    made.verdict.CopyFrom(judge(spec, made.trainings))
    made.started_at, made.ended_at, made.created_at = 100.0, 130.0, 99.0
    return made


class Page(HTMLParser):
    """Every element, attribute and text of a page; raises where elements do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.text.append(data)

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_the_verdict_comes_first_then_what_to_change() -> None:
    words = Page(render(reproduction())).words
    places = [
        words.index("Reproduced, and a remedy found"),
        words.index("What to change"),
        words.index("optimizer.learning_rate"),
        words.index("Arm beside arm"),
        words.index("Gradient norm"),
        words.index("How this was judged"),
    ]
    assert places == sorted(places)
    assert "1 0.1" in words[places[2] :]
    assert "0 of 3 seeds" in words
    assert "nonfinite_loss at step 3" in words


def test_the_page_loads_and_runs_nothing() -> None:
    page = Page(render(reproduction()))
    assert not {"script", "link", "iframe", "object", "embed", "img", "form", "base"} & {
        tag for tag, _ in page.elements
    }
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name in ("src", "href", "action") for name in attributes)
    assert "default-src 'none'" in str([each.get("content") for each in page.all("meta")])
    assert not re.search(r"url\(|@import|https?:", render(reproduction()))


def test_hostile_text_stays_text() -> None:
    made = reproduction(text=HOSTILE, name=HOSTILE)
    made.device = made.error = made.spec.rules[0] = HOSTILE
    made.spec.arms[0].name = HOSTILE
    made.spec.description.optimizer.name = HOSTILE
    for training in made.trainings:
        training.error = training.cause = HOSTILE
        for finding in training.findings:
            finding.rule = HOSTILE
    made.verdict.summary = HOSTILE
    for arm in made.verdict.arms:
        arm.summary = arm.measure = HOSTILE
    html = render(made)
    page = Page(html)
    harmless = Page(render(reproduction()))
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in harmless.elements}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "<script>alert(1)</script>" in page.words
    assert not re.search("[\u202e\x00\x1b]", html)


def test_every_plot_says_in_words_what_it_shows() -> None:
    page = Page(render(reproduction()))
    plots = list(page.all("svg"))
    assert len(plots) == 4
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    for plot in plots:
        assert plot["role"] == "img"
        assert set(str(plot["aria-labelledby"]).split()) <= set(identities)
    assert "not finite from step 11" in page.words
    assert "The fault was first found at step 3." in page.words


def test_verdicts_are_told_by_signs_and_words_besides_colours() -> None:
    words = Page(render(reproduction())).words
    assert "● fault came back" in words
    assert "✔ fixed" in words


@pytest.mark.parametrize(
    ("state", "told"),
    [(REPRODUCTION_STATE_FAILED, "the reproduction failed"), (REPRODUCTION_STATE_CANCELLED, "was cancelled")],
)
def test_a_reproduction_without_a_verdict_says_why(state: int, told: str) -> None:
    made = Reproduction(id="abc", spec=ReproductionSpec(description=description()), state=state, error="No memory.")
    words = Page(render(made)).words
    assert told in words
    assert "No memory." in words


def test_numbers_beyond_all_bounds_are_drawn() -> None:
    made = reproduction()
    for training in made.trainings:
        for curve in training.curves:
            curve.values[:] = [1e-300, 1e300, math.inf, -math.inf, math.nan, 0.0, -1e300, *curve.values[7:]]
    page = Page(render(made))
    drawn = " ".join(str(attributes.get("d")) for attributes in page.all("path"))
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert all(-1 <= float(number) <= 400 for number in re.findall(r"[ML](-?[\d.]+)", drawn))


def test_changes_are_told_field_by_field() -> None:
    spec = ReproductionSpec(description=description())

    def changes(**patch: object) -> list[Change]:
        return changes_of(spec, Arm(patch=write_patch({path.replace("__", "."): each for path, each in patch.items()})))

    assert changes(optimizer__learning_rate={"multiply": 0.1}) == [Change("optimizer.learning_rate", "1", "0.1")]
    assert changes(optimizer__global_clipnorm={"set": 1.0}) == [Change("optimizer.global_clipnorm", "", "1")]
    assert changes(training__class_weights={"set": "balanced"}) == [Change("training.weighted", "no", "yes")]
    output = changes(model__output={"set": {"units": 3, "activation": "softmax"}})
    assert output == [Change("dense.activation", "sigmoid", "softmax"), Change("dense.units", "1", "3")]
    [kind] = changes(**{"model__layers[*]__kind": {"replace": {"SimpleRNN": "LSTM"}}})
    assert kind == Change("rnn.kind", "SimpleRNN", "LSTM")
    [inserted] = changes(**{"model__layers[rnn]": {"insert_after": {"kind": "LayerNormalization"}}})
    assert inserted == Change("new layer behind rnn", "", "LayerNormalization")
    [removed] = changes(**{"model__layers[rnn]": {"remove": True}})
    assert removed == Change("layer rnn", "SimpleRNN", "")
    [scaled] = changes(data__inputs={"standardise": True})
    assert (scaled.where, scaled.before) == ("inputs", "as given")
    [cut] = changes(data__inputs={"truncate": 5})
    assert cut.after == "sequences of at most 5 steps"
    assert changes(**{"losses[0]__name": {"set": "mae"}}) == [Change("loss.name", "mean_squared_error", "mae")]
    assert changes(**{"model__layers[nope]__units": {"set": 1}}) == []


def test_changes_of_a_workload_are_those_of_its_arguments() -> None:
    spec = ReproductionSpec(workload="mine", workload_arguments=write_patch({"cell": "BasicRNNCell", "units": 64}))
    arm = Arm(patch=write_patch({"cell": "LSTMCell"}))
    assert changes_of(spec, arm) == [Change("cell", "BasicRNNCell", "LSTMCell")]


def test_the_median_ends_where_most_seeds_end() -> None:
    whole, early = [1.0] * 10, [3.0] * 5 + [math.nan] * 5
    lost = bundle([outcome(0, 0, whole), outcome(0, 1, early), outcome(0, 2, early)], "loss")
    assert lost.median.tolist() == [3.0] * 5 + [math.inf] * 5
    kept = bundle([outcome(0, 0, whole), outcome(0, 1, whole), outcome(0, 2, early)], "loss")
    assert kept.median.tolist() == [1.0] * 10
    assert not bundle([], "loss").seeds


def test_seeds_are_brought_to_common_steps() -> None:
    thin = TrainingOutcome()
    thin.curves.add(signal="loss", steps=[1, 10], values=[1.0, 10.0])
    both = bundle([thin, outcome(0, 1, [float(step) for step in range(1, 11)])], "loss")
    assert both.median.tolist() == pytest.approx(range(1, 11))


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        ([1.0, 2.0, 3.0], False),
        ([1e-3, 1.0, 1e6], True),
        ([0.5] * 10, False),
        ([0.0] * 10, False),
        ([-1.0, 1e6], False),
        ([0.0, *[10.0**n for n in range(-5, 15)]], True),
        ([], False),
    ],
)
def test_a_logarithm_is_taken_where_it_is_needed(values: list[float], logarithmic: bool) -> None:
    axis = value_axis(np.array(values))
    assert axis.logarithmic == logarithmic
    assert axis.low < axis.high
    assert all(axis.low <= tick <= axis.high * 1.0001 for tick in axis.ticks)
    assert len(axis.ticks) >= 2
    places = axis.place(np.array([*values, 1e300, -1e300]))
    assert ((places >= 0) & (places <= 1)).all()


@pytest.mark.parametrize("last", [0.0, 1.0, 7.0, 149.0, 300.0, 5000.0])
def test_steps_have_a_few_ticks(last: float) -> None:
    assert 1 <= len(step_axis(last).ticks) <= 9


@pytest.mark.parametrize(("value", "told"), [(0.0, "0"), (0.5, "0.5"), (1e7, "1e7"), (2e-5, "2e-5"), (1200.0, "1200")])
def test_ticks_are_short(value: float, told: str) -> None:
    assert label(value) == told
