"""Profiles that are absurd, and sources of samples that are paths."""

from collections.abc import Iterator
from typing import Any

from paramedic.v1.description_pb2 import ArrayProfile
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic.v1.run_pb2 import RunIdentity
from support.hostile.case import CODE, INF, NAN, Hostile, altered


def profiles() -> Iterator[Hostile]:
    path = "description.data.inputs[0]"

    def changed(what: str, field: str, **fields: Any) -> Hostile:
        return altered(
            what, f"{path}.{field}", lambda s: s.description.data.inputs[0].MergeFrom(ArrayProfile(**fields))
        )

    def shaped(what: str, shape: tuple[int, ...], field: str) -> Hostile:
        def change(message: ReproductionSpec) -> None:
            del message.description.data.inputs[0].shape[:]
            message.description.data.inputs[0].shape.extend(shape)

        return altered(what, f"{path}.{field}", change)

    yield shaped("samples of 2^62 numbers", (-1, 2**62), "shape[1]")
    yield shaped("samples of -5 numbers", (-1, -5), "shape[1]")
    yield shaped("samples with a thousand axes", (2,) * 1_000, "shape")
    yield shaped("samples of a large square", (-1, 2_000, 2_000), "shape")
    for name in ("mean", "deviation", "lowest", "highest"):
        for value in (NAN, INF):
            yield changed(f"a {name} of {value}", name, **{name: value})
    yield changed("a negative deviation", "deviation", deviation=-1.0)
    for share in (NAN, -0.1, 1.1):
        yield changed(f"a padding of {share}", "padding_share", padding_share=share)
        yield changed(f"whole numbers: {share}", "whole_share", whole_share=share)
    yield changed("sequences of 2^63 steps", "longest", longest=2**63)
    yield changed("a shortest longer than the longest", "shortest", shortest=9, longest=3)
    yield changed("2^64 values that are not finite", "nonfinite", nonfinite=2**64 - 1)
    yield changed("2^64 examined", "examined", examined=2**64 - 1)
    yield changed("a hundred thousand means", "feature_means", feature_means=[0.0] * 100_000)
    yield changed("a mean that is NaN", "feature_means[1]", feature_means=[0.0, NAN, 0.0])
    yield changed("a deviation below zero", "feature_deviations[0]", feature_deviations=[-1.0])
    yield changed("more lows than means", "feature_lowest", feature_means=[0.0], feature_lowest=[0.0, 1.0])
    for dtype in ("complex128", "object_evil", "|S1000000000", "datetime64", "V1000000000", CODE):
        yield changed(f"samples of {dtype!r}", "dtype", dtype=dtype)
    yield changed("an array with a name of controls", "name", name="a\0b")
    targets = "description.data.targets[0].class_counts"
    yield altered(
        "a million classes", targets, lambda s: s.description.data.targets[0].class_counts.extend([1] * 10**6)
    )
    yield altered("2^64 samples of a class", f"{targets}[3]",
                   lambda s: s.description.data.targets[0].class_counts.append(2**64 - 1))  # fmt: skip
    yield altered(
        "2^64 samples", "description.data.samples", lambda s: setattr(s.description.data, "samples", 2**64 - 1)
    )
    yield altered("a thousand inputs in the data", "description.data.inputs",
                   lambda s: s.description.data.inputs.extend([ArrayProfile()] * 1_000))  # fmt: skip


def sources() -> Iterator[Hostile]:
    for name in (
        "", "../../etc/passwd", "/etc/passwd", "Digits", "digits.csv", "digits\0", "dig its", "d\u0456gits", "~root",
        "http://evil/data", "sklearn.datasets.fetch_openml", "x" * 65, "-rf", CODE,
    ):  # fmt: skip
        yield altered(
            f"the bundled set {name!r}", "data.bundled", lambda s, name=name: setattr(s.data, "bundled", name)
        )
    for samples in (20_001, 2**32 - 1):
        yield altered(f"{samples} samples", "data.synthesis.samples",
                       lambda s, samples=samples: setattr(s.data.synthesis, "samples", samples))  # fmt: skip
    for what, project, run, field in (
        ("a run without a project", "", "r", "project"), ("a run in a parent folder", "../p", "r", "project"),
        ("a run that is a path", "p", "../../etc/shadow", "id"), ("a run with NUL", "p", "a\0", "id"),
        ("a run with a long name", "p", "x" * 129, "id"), ("a run right to left", "p", "\u202ea", "id"),
    ):  # fmt: skip
        yield altered(what, f"data.shared.{field}",
                       lambda s, p=project, i=run: s.data.shared.CopyFrom(RunIdentity(project=p, id=i)))  # fmt: skip
    yield altered("a shared run's attempt", "data.shared.attempt",
                   lambda s: s.data.shared.CopyFrom(RunIdentity(project="p", id="r", attempt=2**32 - 1)))  # fmt: skip
