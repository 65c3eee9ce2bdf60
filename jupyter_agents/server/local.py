"""``/local``: what is ours beside the wire-compatible API. Source: docs/local-api.md."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyter_agents import __version__
from jupyter_agents.domain import history
from jupyter_agents.errors import InvalidRequest, TooLarge
from jupyter_agents.runtime import exchanges
from jupyter_agents.runtime.answering import ask
from jupyter_agents.runtime.cleanup import size
from jupyter_agents.runtime.context import Context
from jupyter_agents.runtime.replay import LARGEST_RUN_FILE
from jupyter_agents.runtime.runfile import MIME
from jupyter_agents.sandbox.choose import Choice
from jupyter_agents.server.handlers import Handler
from jupyter_agents.store.catalog import ACTIVE, Where

Doc = dict[str, Any]


async def status(context: Context, *, embedded: bool) -> Doc:
    """What works and what does not, for `%agent` and the panel."""
    choice = await asyncio.shield(context.sandboxes.choice(context.config.defaults.sandbox))
    running = Where(("status IN ('running', 'rescheduling')",))
    idle = Where(("status = 'idle'",))
    replay = context.config.replay
    return {
        "version": __version__,
        "pid": os.getpid(),
        "embedded": embedded,
        "python": sys.prefix,
        "root_dir": str(context.config.root_dir),
        "data_dir": str(context.config.data_dir),
        "model": context.endpoint.status(context.config.default_model),
        "sandbox": _sandbox(choice),
        "replay": None if replay is None else str(replay),
        "sessions": {
            "running": context.catalog.count("session", running & ACTIVE),
            "idle": context.catalog.count("session", idle & ACTIVE),
            "total": context.catalog.count("session"),
        },
    }


def _sandbox(choice: Choice) -> Doc:
    return {
        "kind": None if choice.provider is None else choice.provider.kind,
        "ready": choice.provider is not None,
        "reason": choice.reason,
        "remedy": choice.remedy,
        "passed_over": [
            {"kind": p.kind, "ok": p.ok, "reason": p.reason, "remedy": p.remedy} for p in choice.passed_over
        ],
    }


class Status(Handler):
    """``local/status``."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """The state of this server."""
        self.reply(await status(self.context, embedded=self.settings["jupyter_agents_embedded"]))


class Doctor(Handler):
    """``local/doctor``."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Probe everything anew."""
        context = self.context
        context.sandboxes.choices.clear()
        choice = await asyncio.shield(context.sandboxes.choice(context.config.defaults.sandbox))
        usage = await asyncio.to_thread(_disk, context.config.data_dir)
        report = await status(context, embedded=self.settings["jupyter_agents_embedded"])
        if report["model"]["ready"] and report["replay"] is None:
            asked = await ask(context.endpoint)
            report["model"] |= {"answers": asked.ok, "how": asked.how, "todo": asked.todo}
        report["probes"] = [
            {"kind": p.kind, "ok": p.ok, "reason": p.reason, "remedy": p.remedy} for p in choice.probes
        ]
        self.reply(report | {"disk": usage, "no_web_search": context.searcher.refusals()})


def _disk(folder: Path) -> Doc:
    sizes = {path.name: size(path) for path in folder.iterdir()}
    return {"used_bytes": sizes, "free_bytes": shutil.disk_usage(folder).free}


class Credentials(Handler):
    """``local/credentials``."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Keep an API key; effective at once."""
        body = self.body()
        key = body.get("api_key")
        if not isinstance(key, str) or set(body) != {"api_key"}:
            raise InvalidRequest('expected {"api_key": "..."}.')
        self.context.endpoint.login(key)
        self.reply(self.context.endpoint.status(self.context.config.default_model))

    @authenticated
    @authorized
    async def delete(self) -> None:
        """Forget the key."""
        self.context.endpoint.logout()
        self.reply(self.context.endpoint.status(self.context.config.default_model))


class SessionSandbox(Handler):
    """``local/sessions/{id}/sandbox``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """Where a session's tools run."""
        context = self.context
        doc = context.catalog.get("session", session_id)
        runner = context.manager.live(session_id)
        tools = None if runner is None else runner.tools
        recordings = context.recorder.recordings(session_id)
        workspace = context.sandboxes.workspace(doc)
        root = context.config.root_dir
        refused = await asyncio.to_thread(context.refused, session_id)
        self.reply(
            {
                "kind": None if tools is None else tools.kind,
                "state": "none" if tools is None else tools.state,
                "notes": [] if tools is None else _notes(tools),
                "image": None if tools is None else tools.image,
                "refused": refused,
                "workspace": str(workspace),
                "path": workspace.relative_to(root).as_posix() if workspace.is_relative_to(root) else None,
                "replayed": recordings is not None,
                "replayed_tools": tools is not None and tools.replayed_tools,
                "drift": [] if runner is None else runner.drift(recordings),
            }
        )

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Name the notebook's Python environment, before the sandbox starts."""
        self.context.catalog.get("session", session_id)
        body = self.body()
        prefixes = body.get("python")
        if set(body) != {"python"} or not isinstance(prefixes, list) or len(prefixes) > 4:
            raise InvalidRequest('expected {"python": ["<sys.prefix>", "<sys.base_prefix>"]}.')
        data = self.context.config.data_dir
        if not all(isinstance(p, str) and _is_python(Path(p), data) for p in prefixes):
            raise InvalidRequest("python: expected folders of a Python environment on this machine.")
        self.context.sandboxes.pythons[session_id] = tuple(dict.fromkeys(Path(p) for p in prefixes))
        self.reply({"python": prefixes})


def _notes(tools: Any) -> list[str]:
    return [note for note in (tools.progress, *tools.notes, *tools.following.notices) if note]


def _is_python(prefix: Path, data_dir: Path) -> bool:
    """Whether `prefix` is a Python environment, and not a folder that holds much else, such as our store."""
    try:
        place = prefix.resolve()
    except (OSError, ValueError):
        return False
    if not prefix.is_absolute() or place == Path("/") or data_dir.resolve().is_relative_to(place):
        return False
    return any((place / "bin").glob("python*")) and (place / "lib").is_dir()


class SessionChanges(Handler):
    """``local/sessions/{id}/changes``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """Files that changed, oldest first, and who changed them; ``?after=<event id>`` for newer ones."""
        self.context.catalog.get("session", session_id)
        after = self.get_query_argument("after", None)
        found = await asyncio.to_thread(self._changes, session_id, after)
        self.reply({"data": found})

    def _changes(self, session_id: str, after: str | None) -> list[Doc]:
        found: list[Doc] = []
        for record in self.context.journal.read(session_id):
            if record.event["id"] == after:
                found.clear()
            else:
                found += history.shown(record)
        return found


class SessionRun(Handler):
    """``local/sessions/{id}/run``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """The session's run file."""
        self.context.catalog.get("session", session_id)
        text = await asyncio.to_thread(self.context.recorder.text, session_id)
        self.finish(text, set_content_type=MIME)


class SessionRequests(Handler):
    """``local/sessions/{id}/requests``."""

    @authenticated
    @authorized
    async def get(self, session_id: str) -> None:
        """A turn's model requests in short, and what it cost; ``?turn=<id of its user.message>``."""
        self.context.catalog.get("session", session_id)
        turn = self.get_query_argument("turn", "")
        if not turn:
            raise InvalidRequest("turn: expected ?turn=<id of the user.message that began the turn>.")
        records = self.context.journal.read(session_id)
        self.reply(await asyncio.to_thread(exchanges.of_turn, records, turn))


class SessionRequest(Handler):
    """``local/sessions/{id}/requests/{id}``."""

    @authenticated
    @authorized
    async def get(self, session_id: str, request_id: str) -> None:
        """One model request as it was sent, and its answer."""
        self.context.catalog.get("session", session_id)
        records = self.context.journal.read(session_id)
        self.reply(await asyncio.to_thread(exchanges.whole, records, request_id))


class SessionReplay(Handler):
    """``local/sessions/{id}/replay``."""

    def check_content_type_is_json(self) -> None:
        """The body is a run file."""

    @authenticated
    @authorized
    async def post(self, session_id: str) -> None:
        """Answer the session's model requests from the run file in the body."""
        self.context.catalog.get("session", session_id)
        if len(self.request.body) > LARGEST_RUN_FILE:
            raise TooLarge(f"The run file is larger than {LARGEST_RUN_FILE} bytes.")
        try:
            text = self.request.body.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequest("The run file is not UTF-8 text.") from None
        number = await asyncio.to_thread(self.context.recorder.add, session_id, text)
        self.reply({"exchanges": number})


ROUTES = [
    (r"/local/status", Status),
    (r"/local/doctor", Doctor),
    (r"/local/credentials", Credentials),
    (r"/local/sessions/([^/]+)/sandbox", SessionSandbox),
    (r"/local/sessions/([^/]+)/changes", SessionChanges),
    (r"/local/sessions/([^/]+)/run", SessionRun),
    (r"/local/sessions/([^/]+)/requests", SessionRequests),
    (r"/local/sessions/([^/]+)/requests/([^/]+)", SessionRequest),
    (r"/local/sessions/([^/]+)/replay", SessionReplay),
]
