"""The words of a notice: JSON for programs, and what Slack and those who take its messages show."""

import json
from collections.abc import Mapping
from typing import Any

from paramedic_service.notifications.notice import News, Notice

VERSION = 1
"""Of the generic message; fields are added to it, and none is taken away or changed."""

_SLACK_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def generic(notice: Notice, now: float, runbooks: str) -> dict[str, Any]:
    """The message for programs.

    Args:
        notice: What to tell.
        now: Service clock, seconds since the Unix epoch.
        runbooks: Where people read the runbooks, without a slash at the end.
    """
    run, incident = notice.run, notice.incident
    loss = run.latest_scalars.get("loss")
    message: dict[str, Any] = {
        "version": VERSION,
        "event": f"incident_{notice.news}",
        "time": now,
        "summary": summary(notice),
        "run": {
            "project": run.key.project,
            "id": run.key.id,
            "attempt": run.key.attempt,
            "rank": run.key.rank,
            "name": run.name,
            "state": run.state.name.lower(),
            "step": run.last_step,
            # JSON has no NaN and no infinity.
            "loss": None if loss is None else repr(loss),
        },
        "incident": {"id": notice.incident_id},
    }
    if incident is not None:
        message["incident"] |= {
            "severity": incident.severity.name.lower(),
            "summary": incident.summary,
            "opened_step": incident.opened_step,
            "rules": list(incident.rules),
            "causes": [{"id": cause.id, "title": cause.title, "score": cause.score} for cause in incident.causes],
            "remedies": [{"text": each.text, "patch": _plain(each.patch)} for each in _remedies(notice)],
            "runbook_url": _runbook(notice, runbooks),
        }
    return message


def slack(notice: Notice, runbooks: str) -> dict[str, Any]:
    """The message for people, as Slack's incoming webhooks take it."""
    incident = notice.incident
    text = summary(notice)
    lines = [f"*{_escaped(text)}*"]
    if incident is not None and notice.news is not News.RESOLVED:
        lines.append(_escaped(incident.summary))
        lines += [f"- {_escaped(remedy.text)}" for remedy in _remedies(notice)[:3]]
        lines.append(f"Rules: {', '.join(incident.rules)}. Runbook: {_runbook(notice, runbooks)}")
    key = notice.run.key
    lines.append(f"`paramedic runs {_escaped(key.project)}/{_escaped(key.id)}`")
    body = "\n".join(lines)
    return {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": body[:3000]}}]}


def summary(notice: Notice) -> str:
    """One line."""
    run, incident = notice.run, notice.incident
    training = f"{run.name or run.key.id} of {run.key.project}"
    if notice.news is not News.RESOLVED:
        assert incident is not None, "only an end can be told of an incident that is gone"
        worse = " got worse" if notice.news is News.WORSENED else ""
        return f"{incident.severity.name.lower()}{worse}: {training}: {incident.summary}"
    if incident is None:
        return f"taken back: {training}: {notice.incident_id} was a sign of something else"
    if incident.open:
        return f"over: {training} {run.state.name.lower()}: {incident.summary}"
    return f"resolved: {training}: {incident.summary}"


def encode(message: Mapping[str, Any]) -> bytes:
    """The bytes that are signed and sent."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _remedies(notice: Notice) -> list[Any]:
    causes = notice.incident.causes if notice.incident else ()
    return list(causes[0].remedies) if causes else []


def _runbook(notice: Notice, runbooks: str) -> str:
    rule = notice.incident.rules[0] if notice.incident else notice.incident_id
    return f"{runbooks}/{rule}.md"


def _plain(tree: Any) -> Any:
    return {key: _plain(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree


def _escaped(text: str) -> str:
    return text.translate(_SLACK_ESCAPES)
