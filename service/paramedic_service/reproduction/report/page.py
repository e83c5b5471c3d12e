"""The page: the verdict first, then what to change, then what it rests on."""

from collections.abc import Sequence

import numpy as np

from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic_service.reproduction.report import tables
from paramedic_service.reproduction.report.arms import Told, arms_of
from paramedic_service.reproduction.report.axes import step_axis, value_axis
from paramedic_service.reproduction.report.changes import changes_of
from paramedic_service.reproduction.report.curves import bundle
from paramedic_service.reproduction.report.markup import Markup, join, tag
from paramedic_service.reproduction.report.plot import panel
from paramedic_service.reproduction.report.style import STYLE
from paramedic_service.reproduction.report.words import arm_words, duration, moment, verdict_words
from paramedic_service.reproduction.verdict import DEFAULT_SEEDS, MARGIN

_SIGNALS = (("loss", "Loss"), ("gradient_norm", "Gradient norm"))
_LONGEST_TITLE = 300


def render(reproduction: Reproduction) -> str:
    """Writes the report of a reproduction that ended, one page of HTML that needs nothing else.

    Args:
        reproduction: With its trainings and their curves.
    """
    arms = arms_of(reproduction)
    tone, verdict = verdict_words(reproduction)
    title = _title(reproduction)
    # Nothing on the page runs or is loaded; this holds the browser to it, whatever slipped through the escaping.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return "<!doctype html>\n" + tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", f"{verdict[2:]}: {title}"),
            tag("style", Markup(STYLE)),
        ),
        tag(
            "body",
            tag("h1", title),
            _banner(reproduction, tone, verdict),
            _remedies(reproduction, arms),
            tag("h2", "Arm beside arm"),
            tables.arms_table(arms),
            *(_plots(arms, signal, words) for signal, words in _SIGNALS),
            _details(reproduction, arms),
            _small_print(reproduction),
        ),
        lang="en",
    )


def _title(reproduction: Reproduction) -> str:
    given = reproduction.spec.title or reproduction.scenario
    if not given and reproduction.run.id:
        given = f"{reproduction.run.project}/{reproduction.run.id}"
    return f"Reproduction of {given or reproduction.id}"[:_LONGEST_TITLE]


def _banner(reproduction: Reproduction, tone: str, verdict: str) -> Markup:
    told = reproduction.verdict.summary if reproduction.HasField("verdict") else reproduction.error
    return tag("div", tag("strong", verdict), tag("p", told) if told else None, class_=f"verdict {tone}", role="status")


def _remedies(reproduction: Reproduction, arms: Sequence[Told]) -> Markup | None:
    working = [arms[index] for index in reproduction.verdict.remedies if index < len(arms)]
    if not working:
        return None
    best, *others = working
    rest = tag(
        "details",
        tag("summary", f"{len(others)} more that worked, the better first"),
        *(_remedy(reproduction, each) for each in others),
    )
    return join([tag("h2", "What to change"), _remedy(reproduction, best), rest if others else None])


def _remedy(reproduction: Reproduction, remedy: Told) -> Markup:
    changes = changes_of(reproduction.spec, remedy.arm)
    return tag(
        "div",
        tag("p", tag("strong", remedy.arm.text or remedy.arm.name)),
        tables.changes_table(changes) if changes else None,
        tag("p", remedy.verdict.summary, class_="quiet"),
        class_="card",
    )


def _plots(arms: Sequence[Told], signal: str, words: str) -> Markup | None:
    bundles = [bundle(arm.trainings, signal) for arm in arms]
    if not any(each.seeds for each in bundles):
        return None
    values = value_axis(np.concatenate([each.finite for each in bundles]))
    steps = step_axis(max((each.steps[-1] for each in bundles if len(each.steps)), default=1.0))
    panels = (
        tag(
            "figure",
            tag("figcaption", arm.arm.name, " ", _verdict(arm)),
            panel(
                each,
                steps,
                values,
                key=f"{signal}-{arm.index}",
                title=arm.arm.name,
                signal=words.lower(),
                found=arm.fault[0].opened_step if arm.fault else None,
                style=arm.style,
            ),
        )
        for arm, each in zip(arms, bundles, strict=True)
    )
    scale = ", logarithmic" if values.logarithmic else ""
    legend = (
        "A thin line a seed, their median thick, the same axes in every plot; what is larger stands at the top."
        " ✕: no longer finite."
    )
    return join([tag("h2", f"{words}{scale}"), tag("p", legend, class_="quiet"), tag("div", *panels, class_="panels")])


def _verdict(arm: Told) -> Markup:
    tone, words = arm_words(arm.verdict.kind)
    return tag("span", words, class_=tone)


def _details(reproduction: Reproduction, arms: Sequence[Told]) -> Markup:
    return tag(
        "details",
        tag("summary", f"Every training ({len(reproduction.trainings)})"),
        tables.trainings_table(reproduction.spec, arms),
    )


def _small_print(reproduction: Reproduction) -> Markup:
    spec = reproduction.spec
    seeds = spec.seeds or DEFAULT_SEEDS
    source = spec.data.WhichOneof("source") or "synthesis"
    data = {
        "synthesis": "samples made from the run's data profile, with labels from a teacher network",
        "shared": "the sample that the run's author shared",
        "bundled": f"the data set {spec.data.bundled!r}",
    }[source]
    if spec.workload:
        data = f"the data of workload {spec.workload!r}"
    facts = [
        f"{seeds} seeds from 0, {spec.steps} steps each, on {data}.",
        f"Trained on {reproduction.device or 'an unknown device'}; the same seeds give the same figures there.",
        f"The fault: {', '.join(spec.rules) or 'any finding of severity warning or worse'}. It came back when one of"
        " these rules fired on at least two thirds of the seeds as reported.",
        f"A remedy fixed it when none of them fired on any seed, and the loss (or, where losses mean different things,"
        f" the error) fell by at least {MARGIN:.0%}, with the 95% interval over paired seeds above zero.",
    ]
    if reproduction.HasField("started_at") and reproduction.HasField("ended_at"):
        took = duration(reproduction.ended_at - reproduction.started_at)
        facts.append(f"Asked for at {moment(reproduction.created_at)}, took {took}, reproduction {reproduction.id}.")
    return tag("footer", tag("h2", "How this was judged"), *(tag("p", fact, class_="quiet") for fact in facts))
