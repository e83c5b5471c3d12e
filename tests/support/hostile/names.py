"""Names that mislead: whoever reads them, or whatever takes them for a path."""

from collections.abc import Iterator

from paramedic.v1.description_pb2 import LayerConfig
from support.hostile.case import FIRST, Hostile, altered, modelled
from support.specs import layer


def names() -> Iterator[Hostile]:
    """Names that mislead: whoever reads them, or whatever takes them for a path."""
    field = f"{FIRST}.name"
    for what, name in (
        ("empty", ""), ("blank", "   "), ("dots", ".."), ("a traversal", "../../etc/passwd"),
        ("absolute", "/etc/passwd"),
        ("a traversal within", "encoder/../../secret"), ("a backslash", "..\\..\\boot.ini"), ("an empty part", "a//b"),
        ("a trailing slash", "a/"), ("a dot", "encoder/./a"), ("NUL", "dense\0.png"), ("a line break", "a\nb"),
        ("a carriage return", "a\rb"), ("an escape sequence", "\x1b[2J"), ("a bell", "a\x07"),
        ("zero width", "den\u200bse"),
        ("a joiner", "den\u200dse"), ("right to left", "\u202eesned"), ("an isolate", "\u2066dense\u2069"),
        ("a byte order mark", "\ufeffdense"), ("a soft hyphen", "den\u00adse"), ("a line separator", "a\u2028b"),
        ("a paragraph separator", "a\u2029b"), ("private use", "\ue000"), ("unassigned", "\u0378"),
        ("decomposed", "cafe\u0301"), ("many marks", "z" + "\u0335" * 40 + "\u0301" * 40 + "\u0316" * 600),
        ("a tag", "dense\U000e0041"), ("very long", "x" * 513), ("a megabyte", "x" * 2**20), ("a C1 control", "a\x85b"),
    ):  # fmt: skip
        yield modelled(f"a name: {what}", field, LayerConfig(name=name, kind="Dense", units=3))
    yield modelled("a name twice", "description.model.layers[1].name", layer("Dense", "a", 3), layer("Dense", "a", 3))
    homoglyphs = (
        "D\u0435nse",
        "LS\u03a4M",
        "\uff24\uff45\uff4e\uff53\uff45",
        "De\u200bnse",
        "Dense\u202e",
        "\u202eesneD",
        "Dense\0",
    )
    for kind in homoglyphs:
        yield modelled(
            f"a kind that looks like another: {kind!a}", f"{FIRST}.kind", LayerConfig(name="a", kind=kind, units=3)
        )
    for key in ("r\u0430te", "rate\u200b", "rate\0", "\u202erate", "../rate", "a" * 500):
        yield modelled(
            f"a setting that looks like another: {ascii(key)[:20]}",
            keyed(f"{FIRST}.settings", key), layer("Dropout", "a", rate=0.1, **{key: 0.1}),
        )  # fmt: skip
    yield altered("a title with controls", "title", lambda s: setattr(s, "title", "a\x1b[31mb"))
    yield altered("a title that is a book", "title", lambda s: setattr(s, "title", "x" * 10_000))


def keyed(prefix: str, key: str) -> str:
    return f"{prefix}.{ascii(key) if len(key) <= 60 else ascii(key[:60]) + f'... ({len(key)} characters)'}"
