"""Too many of everything, workloads by name, and texts that unfold or are only large."""

from collections.abc import Iterator, Mapping
from typing import Any

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from support.hostile.case import CODE, FIRST, INF, NAN, Hostile, altered, armed, modelled
from support.hostile.code import dense
from support.specs import layer, struct


def counts() -> Iterator[Hostile]:
    for name, value in (("steps", 5_001), ("steps", 2**32 - 1), ("seeds", 11), ("seeds", 2**32 - 1)):
        yield altered(f"{value} {name}", name, lambda s, name=name, value=value: setattr(s, name, value))
    yield Hostile("33 arms", "arms", lambda: armed(*(Arm(name=str(n)) for n in range(33))))
    yield Hostile("ten thousand arms", "arms", lambda: armed(*(Arm(name=str(n)) for n in range(10_000))))
    yield Hostile(
        "too many steps together",
        "steps",
        lambda: armed(*(Arm(name=str(n)) for n in range(30)), steps=5_000, seeds=10),
    )
    yield Hostile("an arm twice", "arms[1].name", lambda: armed(Arm(name="a"), Arm(name="a")))
    yield Hostile("an arm without a name", "arms[0].name", lambda: armed(Arm()))
    yield Hostile("an arm with a long name", "arms[0].name", lambda: armed(Arm(name="x" * 201)))
    yield Hostile("an arm with controls", "arms[0].name", lambda: armed(Arm(name="a\x1b[31m")))
    yield Hostile("an arm right to left", "arms[0].name", lambda: armed(Arm(name="\u202ea")))
    yield Hostile("an arm that tells a book", "arms[0].text", lambda: armed(Arm(name="a", text="x" * 5_000)))
    for rule in ("", "no_such_rule", "../rules", "os.system", "dead_units\0", "*"):
        yield altered(f"the rule {rule!r}", "rules[0]", lambda s, rule=rule: s.rules.append(rule))
    yield altered("a thousand rules", "rules", lambda s: s.rules.extend(["dead_units"] * 1_000))
    yield altered("a million metrics", "description.training.metrics",
                   lambda s: s.description.training.metrics.extend(["accuracy"] * 10**5))  # fmt: skip
    yield altered("a table of tensors without end", "description.tensors",
                   lambda s: [s.description.tensors.add(name=str(n)) for n in range(10_001)] and None)  # fmt: skip


def workloads() -> Iterator[Hostile]:
    def called(what: str, field: str, name: str, arguments: Mapping[str, Any] | None = None, *arms: Arm) -> Hostile:
        return Hostile(
            what, field, lambda: ReproductionSpec(workload=name, workload_arguments=struct(arguments or {}), arms=arms)
        )

    for name in (
        "../evil", "/bin/sh", "os.system; id", "a:b", "a b", "a\0", "w\u043erkload", "-rf", ".hidden", "a..b",
        "x" * 101,
        "os.system()", "$(id)", CODE,
    ):  # fmt: skip
        yield called(f"the workload {name!r}", "workload", name)
    yield called("a workload told NaN", "workload_arguments", "w", {"rate": NAN})
    yield called("a workload told infinity within", "workload_arguments", "w", {"a": {"b": [1.0, INF]}})
    yield called("a workload told a book", "workload_arguments.text", "w", {"text": "x" * 3_000})
    yield called("a workload told everything", "workload_arguments", "w", {str(n): 1.0 for n in range(5_000)})
    yield called("a workload's foreign argument", "arms[1].patch", "w", {"rate": 1.0}, Arm(name="a"),
                 Arm(name="b", patch=struct({"code": CODE})))  # fmt: skip
    yield called("a workload's argument set to NaN", "arms[1].patch", "w", {"rate": 1.0}, Arm(name="a"),
                 Arm(name="b", patch=struct({"rate": {"set": NAN}})))  # fmt: skip
    yield altered("a workload beside a description", "description", lambda s: setattr(s, "workload", "w"))
    yield altered("arguments without a workload", "workload_arguments",
                   lambda s: s.workload_arguments.CopyFrom(struct({"a": 1.0})))  # fmt: skip
    yield Hostile("neither a description nor a workload", "description", ReproductionSpec)


def bombs() -> Iterator[Hostile]:
    """Texts that unfold, or are only large."""
    yield altered("a framework's JSON of 8 MiB", "description.model.framework_json",
                   lambda s: setattr(s.description.model, "framework_json", "[" * 2**23))  # fmt: skip
    yield altered("a text of 1 MiB in settings", f"{FIRST}.settings.name",
                   lambda s: s.description.model.layers[0].settings.update({"name": "PK\x03\x04" * 2**18}))  # fmt: skip
    yield altered("an author's configuration of 5 MiB", "spec",
                   lambda s: s.description.config.update({"a": "x" * 5 * 2**20}))  # fmt: skip
    yield modelled("a list of 5000 in settings", f"{FIRST}.settings", layer("Dense", "a", 3, axis=[1.0] * 5_000))
    yield modelled("5000 settings", f"{FIRST}.settings", layer("Dense", "a", 3, **{f"s{n}": 1.0 for n in range(5_000)}))
    yield modelled(
        "JSON within a setting", f"{FIRST}.settings.kernel_initializer", dense(kernel_initializer="[" * 1_900)
    )
    yield modelled("a compressed text for an initialiser", f"{FIRST}.settings.kernel_initializer",
                    dense(kernel_initializer="H4sIAAAAAAAA" * 100))  # fmt: skip
    yield modelled("a pickle for an initialiser", f"{FIRST}.settings.kernel_initializer",
                    dense(kernel_initializer="cos\nsystem\n(S'id'\ntR."))  # fmt: skip
    yield modelled("YAML for an initialiser", f"{FIRST}.settings.kernel_initializer",
                    dense(kernel_initializer="!!python/object/apply:os.system ['id']"))  # fmt: skip
