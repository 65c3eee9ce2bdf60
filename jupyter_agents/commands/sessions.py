"""``jupyter agents sessions``: which sessions there are, and what one of them did.

The store is read in place, read-only. The journal is the truth and every record is committed before
anyone is told of it, so this is right whether a server runs or not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_agents.commands.place import add_data_dir, add_json, data_dir
from jupyter_agents.errors import UserError

if TYPE_CHECKING:
    from jupyter_agents.store.catalog import Where
    from jupyter_agents.store.readonly import ReadOnly

Doc = dict[str, Any]

STATUSES = ("idle", "running", "rescheduling", "terminated")
COLUMNS = ("id", "status", "title", "agent", "created", "cost", "notebook")
WIDEST = 40
DATABASE = "agents.db"
LEAST_ENDING = 6


def add(commands: Any) -> None:
    """Declare the arguments."""
    about = "List sessions, newest first, or show what one did. Works with and without a running server."
    parser = commands.add_parser(
        "sessions", help="list sessions, or show what one of them did", description=about
    )
    parser.add_argument("--all", action="store_true", help="archived ones too")
    parser.add_argument("--status", choices=STATUSES, help="only those with this status")
    parser.add_argument("--agent", help="only those of this agent, by name or id")
    parser.add_argument("--limit", type=_number, default=50, help="at most so many (default: 50)")
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(run=run)
    inner = parser.add_subparsers(metavar="[show SESSION]")
    shown = inner.add_parser(
        "show",
        help="print a session's transcript",
        description="Print what a session did: a session of the store, by its id or the end of it, or a run "
        "file.",
    )
    shown.add_argument("session", help="the session's id, the last 6 or more characters of it, or a run file")
    shown.add_argument("--data-dir", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    shown.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    shown.set_defaults(run=show)


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    from jupyter_agents.store.catalog import Catalog

    with store(data_dir(arguments.data_dir)) as opened:
        catalog = Catalog(opened)
        page = catalog.page("session", _where(arguments), "desc", None, arguments.limit)
        number = catalog.count("session", _where(arguments))
    rows = [summary(doc) for doc in page.data]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    _print_table(rows)
    if number > len(rows):
        print(f"... and {number - len(rows)} more; --limit {number} shows them", file=sys.stderr)
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print one session's transcript."""
    from jupyter_agents.cell import plain

    path = Path(arguments.session)
    if path.suffix == ".agentrun":
        events = _events_of(path)
    else:
        with store(data_dir(arguments.data_dir)) as opened:
            events = _events(opened, find(opened, arguments.session)["id"])
    made = [transcript.to_dict() for transcript in transcripts(events)]
    if arguments.json:
        print(json.dumps(made, indent=2))
        return 0
    for turn in made:
        print(f"> {_visible(turn['prompt'])}\n\n{plain.render(turn)}\n")
    return 0


def store(folder: Path) -> ReadOnly:
    """The store in `folder`, for reading. Raises `UserError`."""
    from jupyter_agents.store.readonly import ReadOnly

    return ReadOnly(folder / DATABASE)


def find(opened: ReadOnly, text: str) -> Doc:
    """The one session whose id is `text` or ends with it. Raises `UserError`."""
    from jupyter_agents.store.catalog import Catalog, Where

    catalog = Catalog(opened)
    found = catalog.find("session", text)
    if found is not None:
        return found
    ends = Where(("substr(id, -?) = ?",), (len(text), text))
    docs = catalog.all("session", ends) if len(text) >= LEAST_ENDING else []
    if len(docs) > 1:
        raise UserError(f"{len(docs)} sessions end with {text[:80]!r}; give more of the id.")
    if not docs:
        raise UserError(f"There is no session {text[:80]!r}; `jupyter agents sessions --all` lists them.")
    return docs[0]


def summary(doc: Doc) -> Doc:
    """What the list says of a session. cost: US dollars, or None where it is not known."""
    cost = doc["usage"]["list_cost"]
    return {
        "id": doc["id"],
        "status": doc["status"],
        "title": doc["title"],
        "agent": doc["agent"]["name"],
        "created": doc["created_at"],
        "cost": None if cost is None else int(cost["amount"]) / 100,
        "notebook": doc["metadata"].get("jupyter-agents/notebook"),
        "archived": doc["archived_at"],
        "imported_from": (doc.get("imported") or {}).get("from"),
    }


def transcripts(events: Iterable[Doc]) -> Iterator[Any]:
    """A session's turns, each as the fold of the kernel and the browser shows it."""
    from jupyter_agents.cell.fold import fold
    from jupyter_agents.cell.transcript import Transcript

    turn = Transcript()
    for event in events:
        turn = fold(turn, event)
        if turn.over:
            yield turn
            turn = Transcript()
    if turn.opened:
        yield turn


def _where(arguments: argparse.Namespace) -> Where:
    from jupyter_agents.store.catalog import ACTIVE, Where

    where = Where() if arguments.all or arguments.status == "terminated" else ACTIVE
    if arguments.status:
        where &= Where(("status = ?",), (arguments.status,))
    if arguments.agent:
        name = "(json_extract(body, '$.agent.id') = ? OR json_extract(body, '$.agent.name') = ?)"
        where &= Where((name,), (arguments.agent, arguments.agent))
    return where


def _events(opened: ReadOnly, session_id: str) -> list[Doc]:
    from jupyter_agents.store.journal import Journal

    return [record.event for record in Journal(opened).read(session_id) if record.kind == "event"]


def _events_of(path: Path) -> list[Doc]:
    from jupyter_agents.commands.runs import read
    from jupyter_agents.errors import InvalidRequest
    from jupyter_agents.runtime.runfile import parse

    try:
        return parse(read(path)).events
    except InvalidRequest as error:
        raise UserError(f"{path}: {error}") from None


def _print_table(rows: list[Doc]) -> None:
    cells = [COLUMNS, *(tuple(_cell(name, row[name]) for name in COLUMNS) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(COLUMNS))]
    for row in cells:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        print(line.rstrip())


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "created":
        return str(value)[:16].replace("T", " ")
    if name == "cost":
        return f"${value:.2f}"
    text = " ".join(_visible(str(value)).split())
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _visible(text: str) -> str:
    from jupyter_agents.cell.words import visible

    return visible(text)


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("less than 1")
    return number
