"""``jupyter agents doctor``: what works here, and what to do about the rest."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_agents.commands.place import add_data_dir, add_json, extension

if TYPE_CHECKING:
    pass

Doc = dict[str, Any]

MARKS = {"ok": "✓", "note": "·", "bad": "✗"}


def add(commands: Any) -> None:
    """Declare the arguments."""
    parser = commands.add_parser(
        "doctor",
        help="find out what works here and what to do about the rest",
        description="Find out what works here and what to do about the rest: every sandbox is really tried, "
        "and the model's endpoint is asked. Needs no running server; those of yours that run on this machine "
        "are asked for their sandboxes. Exit status 1 when nothing here can run tools.",
    )
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine and report."""
    report = asyncio.run(examine(arguments))
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)
    return 0 if report["ready"] else 1


async def examine(arguments: argparse.Namespace) -> Doc:
    """The whole report. ready: whether something here can run tools. disk: bytes."""
    from jupyter_agents import __version__
    from jupyter_agents.commands import checks, servers
    from jupyter_agents.runtime.endpoint import Endpoint
    from jupyter_agents.sandbox.choose import choose

    app = extension(arguments.data_dir)
    allowed = app.policy.allows_kind
    folder, providers = app.data_folder, [one for one in app.providers() if allowed(one.kind)]
    try:
        choice = await choose(providers, app.sandbox, auto=app.auto_sandboxes)
        others = await checks.plugins(app, choice)
    finally:
        await asyncio.gather(*(provider.close() for provider in providers), return_exceptions=True)
    endpoint = Endpoint(folder, app.model_base_url, policy=app.policy)
    found = [
        checks.python(),
        checks.jupyter(),
        checks.server_extension(),
        checks.lab_extension(),
        await checks.model(endpoint, app.default_model, app.replay_folder),
        *checks.sandboxes(choice),
        *others,
        *checks.kernel_parts(),
        checks.program("git", "Install git, for agents that work on repositories."),
        checks.program("rg", "Install ripgrep: the grep tool is faster with it."),
        checks.Check("node", "ok", "not needed"),
        *checks.store(folder),
    ]
    return {
        "version": __version__,
        "ready": choice.provider is not None,
        "data_dir": str(folder),
        "checks": [asdict(check) for check in found],
        "disk": checks.disk(folder),
        "sandboxes": await asyncio.to_thread(servers.sandboxes),
        "warm": await asyncio.to_thread(servers.sandboxes, "warm"),
    }


def _print(report: Doc) -> None:
    from jupyter_agents.cell.words import size, visible
    from jupyter_agents.commands import servers

    checks: list[Doc] = report["checks"]
    width = max(len(check["name"]) for check in checks)
    for check in checks:
        print(f"{MARKS[check['state']]} {check['name']:<{width}}  {visible(check['how'])}")
        if check["todo"] and check["state"] != "ok":
            print(f"  {'':<{width}}  -> {visible(check['todo'])}")
    disk = report["disk"]
    used = ", ".join(f"{part} {size(number)}" for part, number in disk["used_bytes"].items())
    print(f"\nDisk: {used}; free {size(disk['free_bytes'])}")
    left = disk["leftovers"]
    if left["number"]:
        number, weight = left["number"], size(left["bytes"])
        print(f"Leftovers of dead processes: {number}, {weight}; `jupyter agents gc` removes them")
    for row in report["sandboxes"]:
        print(visible(servers.line(row)))
    for row in report["warm"]:
        print(visible(servers.warm_line(row)))
    print("Tools can run here." if report["ready"] else "Nothing here can run tools.")
