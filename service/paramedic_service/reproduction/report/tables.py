"""Tables of the page: the arms, and every training."""

from collections.abc import Iterable, Sequence

from paramedic.v1.reproduction_pb2 import ReproductionSpec, TrainingOutcome
from paramedic_service.reproduction.report.arms import Told
from paramedic_service.reproduction.report.changes import Change
from paramedic_service.reproduction.report.markup import Child, Markup, join, tag
from paramedic_service.reproduction.report.words import arm_words, duration, improvement_words, middle, number
from paramedic_service.reproduction.verdict import is_of_the_fault


def arms_table(arms: Sequence[Told]) -> Markup:
    """What came of each arm."""
    return _table(
        ("arm", "verdict", "fault found on", "against as reported", "final loss (median)", "first finding"),
        (
            (
                join([arm.arm.name, tag("div", arm.arm.text, class_="quiet") if arm.arm.text else None]),
                _verdict(arm),
                f"{arm.verdict.fired} of {arm.verdict.seeds} seeds" if arm.verdict.seeds else "-",
                "-" if arm.index == 0 else improvement_words(arm.verdict),
                middle(arm.trainings),
                _first(arm),
            )
            for arm in arms
        ),
    )


def changes_table(changes: Sequence[Change]) -> Markup:
    """What stands in the code now, and what should."""
    return _table(
        ("where", "now", "change to"),
        (
            (
                tag("code", change.where),
                tag("del", change.before) if change.before else "nothing",
                tag("ins", change.after) if change.after else tag("ins", "remove it"),
            )
            for change in changes
        ),
    )


def trainings_table(spec: ReproductionSpec, arms: Sequence[Told]) -> Markup:
    """Every training with all that was found in it."""
    return _table(
        ("arm and seed", "final loss", "final error", "findings", "likely cause", "took"),
        (
            (
                f"{arm.arm.name}, seed {each.seed}",
                number(each.final_loss),
                number(each.final_error) if each.HasField("final_error") else "-",
                _findings(spec, each),
                each.cause or "-",
                duration(each.duration),
            )
            for arm in arms
            for each in arm.trainings
        ),
    )


def _verdict(arm: Told) -> Markup:
    tone, words = arm_words(arm.verdict.kind)
    return join([tag("span", words, class_=tone), tag("div", arm.verdict.summary, class_="quiet")])


def _first(arm: Told) -> str:
    if not arm.trainings:
        return "-"
    return f"{arm.fault[0].rule} at step {arm.fault[0].opened_step}" if arm.fault else "none of the fault"


def _findings(spec: ReproductionSpec, training: TrainingOutcome) -> Markup:
    told: list[Child] = [tag("div", training.error, class_="bad")] if training.error else []
    for finding in sorted(training.findings, key=lambda each: each.opened_step):
        line = f"{finding.rule} at step {finding.opened_step}"
        told.append(tag("div", tag("strong", line)) if is_of_the_fault(spec, finding) else tag("div", line))
    return join(told or ["-"])


def _table(headings: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", heading, scope="col") for heading in headings)))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, data_label=heading) for heading, cell in zip(headings[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    return tag("table", head, tag("tbody", *body), class_="stacked")
