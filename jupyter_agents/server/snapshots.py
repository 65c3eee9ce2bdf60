"""``/local/sessions/{id}/turns/{event_id}/snapshot``: a turn as the output of its cell.

For a page whose kernel is gone: what it saves in the notebook is made here, of the journal, and not by
the page. Source: docs/local-api.md, docs/transcript.md.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents.cell import snapshot, words
from jupyter_agents.cell.fold import ends, fold
from jupyter_agents.cell.glance import previews
from jupyter_agents.cell.transcript import Transcript, find_tool, put
from jupyter_agents.domain import history
from jupyter_agents.domain.events import Record
from jupyter_agents.errors import InvalidRequest, NotFound
from jupyter_agents.runtime import exchanges
from jupyter_agents.server.handlers import Handler

Doc = dict[str, Any]

WORKSPACE = "/workspace/"
LONGEST_PATH = 4096
MOST_SHOWN = 50


@dataclass
class Turn:
    """A turn as the journal has it.

    number: counts from 1 in its session. changes: of files, oldest first. custom: the ids of its calls
    that a client answers.
    """

    number: int
    transcript: Transcript
    changes: list[Doc] = field(default_factory=list)
    custom: set[str] = field(default_factory=set)


def read_turn(records: Iterable[Record], first: str) -> Turn:
    """The turn that the ``user.message`` with the id `first` began; raises `NotFound` without one."""
    number, goes_on = 0, False
    turn: Turn | None = None
    for record in records:
        event = record.event
        if turn is not None:
            turn.changes += [change for change in history.shown(record) if change["by"] not in history.BESIDE]
        if record.kind != "event":
            continue
        if event["type"] == "user.message" and not goes_on:
            if turn is not None:
                break
            number, goes_on = number + 1, True
            if event["id"] == first:
                turn = Turn(number, Transcript(first))
        goes_on = goes_on and not ends(event)
        if turn is not None:
            turn.transcript = fold(turn.transcript, event)
            if event["type"] == "agent.custom_tool_use":
                turn.custom.add(event["id"])
    if turn is None:
        raise NotFound(f"The session has no turn that began with `{first[:100]}`.")
    return turn


def show(turn: Turn, shown: Mapping[str, Sequence[Doc]]) -> None:
    """Put in what the notebook's own functions displayed, which no event tells; by the calls' ids."""
    for id in turn.custom & shown.keys():
        tool = find_tool(turn.transcript, id)
        if tool is not None:
            marked = replace(tool, place="kernel", shown=tuple(shown[id]))
            turn.transcript = put(turn.transcript, marked)


def made_files(changes: Iterable[Doc], mounted: Iterable[str], folder: str | None) -> list[Doc]:
    """The files that are still there after `changes`, by path, less those that the user gave.

    folder: where they lie, below the server's root; None where it does not serve them.
    """
    given = {path.removeprefix(WORKSPACE) for path in mounted}
    latest = {str(change["path"]): change for change in changes}
    return [
        {"path": path, "size": change.get("size"), "file_id": None, "url": folder and f"{folder}/{path}"}
        for path, change in sorted(latest.items())
        if change["kind"] != "deleted" and path not in given
    ]


def links(files: Iterable[Doc], notebook: str) -> dict[str, str]:
    """Each file's way from the folder of the notebook, whose path is below the server's root."""
    start = posixpath.dirname(notebook) or "."
    return {file["path"]: posixpath.relpath(file["url"], start) for file in files if file["url"]}


class TurnSnapshot(Handler):
    """``local/sessions/{id}/turns/{event_id}/snapshot``."""

    @authenticated
    @authorized
    async def post(self, session_id: str, first: str) -> None:
        """The MIME bundle of a turn as it stands."""
        session = self.context.catalog.get("session", session_id)
        notebook, shown = _asked(self.body())
        self.reply(await asyncio.to_thread(self._draw, session, first, notebook, shown))

    def _draw(self, session: Doc, first: str, notebook: str, shown: Mapping[str, Sequence[Doc]]) -> Doc:
        context = self.context
        records = list(context.journal.read(session["id"]))
        turn = read_turn(records, first)
        show(turn, shown)
        runner = context.manager.live(session["id"])
        workspace, root = context.sandboxes.workspace(session), context.config.root_dir
        below = workspace.relative_to(root).as_posix() if workspace.is_relative_to(root) else None
        mounted = [str(one.get("mount_path") or "") for one in session.get("resources") or ()]
        files = made_files(turn.changes, mounted, below)
        transcript = turn.transcript.to_dict()
        transcript["files"] = _with_previews(files, workspace)
        transcript["footer"] |= {
            "model": str(session["agent"]["model"]["id"]),
            "turn": turn.number,
            "cost_usd": exchanges.of_turn(records, first)["cost_usd"],
            "sandbox": None if runner is None else words.sandbox(runner.tools.kind),
            "replayed": context.recorder.recordings(session["id"]) is not None,
        }
        run = {
            "schema": 1,
            "session_id": session["id"],
            "turn": turn.number,
            "first_event_id": first,
            "live": not turn.transcript.over,
            "transcript": transcript,
        }
        return {"live": run["live"], "data": snapshot.bundle(run, links(files, notebook))}


def _with_previews(files: list[Doc], workspace: Path) -> list[Doc]:
    found = previews(workspace, [file["path"] for file in files])
    return [file | {"preview": found[file["path"]]} if file["path"] in found else file for file in files]


def _asked(body: Doc) -> tuple[str, dict[str, list[Doc]]]:
    notebook, shown = body.get("notebook", ""), body.get("shown", {})
    if body.keys() - {"notebook", "shown"} or not isinstance(notebook, str) or not isinstance(shown, dict):
        raise InvalidRequest('expected {"notebook": "folder/name.ipynb", "shown": {"<call id>": []}}.')
    if len(notebook) > LONGEST_PATH or "\0" in notebook:
        raise InvalidRequest("notebook: expected the path of a notebook.")
    for id, blocks in shown.items():
        if not isinstance(blocks, list) or not all(_is_block(block) for block in blocks):
            raise InvalidRequest(f"shown.{id[:100]}: expected a list of content blocks.")
    return notebook.strip("/"), {id: blocks[:MOST_SHOWN] for id, blocks in shown.items()}


def _is_block(block: Any) -> bool:
    return isinstance(block, dict) and isinstance(block.get("type"), str)


ROUTES = [(r"/local/sessions/([^/]+)/turns/([^/]+)/snapshot", TurnSnapshot)]
