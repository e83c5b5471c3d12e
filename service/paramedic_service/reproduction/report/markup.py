"""HTML and SVG, with everything escaped that is not markup itself."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"meta", "br", "col"})


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


Child = str | Markup | None


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element.

    Args:
        name: Of the element.
        *children: Text, which is escaped, or markup; None is left out.
        **attributes: A trailing underscore is dropped and others become hyphens: `class_`, `stroke_width`. None leaves
            an attribute out.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Elements and text one after the other."""
    return Markup("".join(_escaped(child) for child in children if child is not None))


def _escaped(child: str) -> str:
    return child if isinstance(child, Markup) else escape(_printable(child))


def _printable(text: str) -> str:
    """Text without control characters and without those that reverse what stands around them."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def _text(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return _printable(str(value))
