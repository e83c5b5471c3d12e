"""Pages on reproductions: which there are, and what each showed."""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic_service.reproduction.report.markup import Markup, join, tag
from paramedic_service.reproduction.report.style import STYLE
from paramedic_service.reproduction.report.words import moment, verdict_words
from paramedic_service.store.interface import Store

_MOST = 200
_REFRESH_SECONDS = 5

# The pages need nothing from anywhere; what a name smuggled past the escaping would find nothing to run on either.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def routes(store: Store) -> list[Route]:
    """The pages, for the HTTP application.

    Args:
        store: Where reproductions are kept.
    """

    async def listing(_: Request) -> Response:
        page = await asyncio.to_thread(store.list_reproductions, limit=_MOST)
        found = [Reproduction.FromString(record.body) for record in page.items]
        return HTMLResponse(_listing(found), headers=_HEADERS)

    async def one(request: Request) -> Response:
        record = await asyncio.to_thread(store.get_reproduction, request.path_params["id"])
        if record is None:
            return PlainTextResponse("there is no such reproduction; /reproductions lists them\n", 404)
        result = await asyncio.to_thread(store.reproduction_result, record.number)
        if result is not None and result.report:
            return HTMLResponse(result.report, headers=_HEADERS)
        return HTMLResponse(_pending(Reproduction.FromString(record.body)), headers=_HEADERS)

    return [Route("/reproductions", listing), Route("/reproductions/{id}", one)]


def _listing(reproductions: Sequence[Reproduction]) -> str:
    if not reproductions:
        nothing = "Nobody asked for one yet. Ask for one with: paramedic reproduce PROJECT/ID"
        return _page("Reproductions", tag("p", nothing))
    headings = ("asked for", "of", "verdict", "in short")
    head = tag("thead", tag("tr", *(tag("th", heading, scope="col") for heading in headings)))
    rows = (
        tag(
            "tr",
            tag("th", tag("a", moment(each.created_at), href=f"/reproductions/{each.id}"), scope="row"),
            tag("td", _origin(each), data_label="of"),
            tag("td", _verdict(each), data_label="verdict"),
            tag("td", each.verdict.summary or each.error, data_label="in short"),
        )
        for each in reproductions
    )
    return _page("Reproductions", tag("table", head, tag("tbody", *rows), class_="stacked"))


def _pending(reproduction: Reproduction) -> str:
    """A page on one that has no report yet; it loads itself again."""
    told = reproduction.error or f"{_origin(reproduction)}. This page loads itself again until there is a report."
    tone, words = verdict_words(reproduction)
    banner = tag("div", tag("strong", words), tag("p", told), class_=f"verdict {tone}", role="status")
    refresh = tag("meta", http_equiv="refresh", content=str(_REFRESH_SECONDS))
    return _page(f"Reproduction {reproduction.id}", banner, head=None if reproduction.error else refresh)


def _page(title: str, *body: Markup, head: Markup | None = None) -> str:
    return "<!doctype html>\n" + tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            head,
            tag("title", title),
            tag("style", Markup(STYLE)),
        ),
        tag("body", tag("h1", title), join(body)),
        lang="en",
    )


def _verdict(reproduction: Reproduction) -> Markup:
    tone, words = verdict_words(reproduction)
    return tag("span", words, class_=tone)


def _origin(reproduction: Reproduction) -> str:
    if reproduction.HasField("run"):
        return f"run {reproduction.run.project}/{reproduction.run.id}, {reproduction.incident}"
    return f"scenario {reproduction.scenario}" if reproduction.scenario else reproduction.spec.title or "a spec"
