"""Outputs that are too long, in sandboxes of every kind and without one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_agents.runtime.config import Config
from jupyter_agents.runtime.overflow import MAX_CHARACTERS, MAX_KEPT, SHOWN, bounded, unnamed
from jupyter_agents.sandbox.base import SandboxProvider, ToolResult
from jupyter_agents.sandbox.bubblewrap import BubblewrapProvider
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.landlock import LandlockProvider
from jupyter_agents.sandbox.options import OVERFLOW
from jupyter_agents.testing import ScriptedModel, call, say
from jupyter_agents.testing.images import HOST_MOUNTS, import_host_image
from tests.needs import need
from tests.runtime.conftest import Runtime, of, only

Doc = dict[str, Any]

IMAGE: Doc = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aQ=="}}
LINES = "".join(f"line {n:06}\n" for n in range(20_000))


def text(words: str) -> Doc:
    return {"type": "text", "text": words}


class Files:
    """Where outputs are kept, or not."""

    def __init__(self, works: bool = True) -> None:
        self.works = works
        self.kept: dict[str, str] = {}

    async def __call__(self, path: str, text: str) -> bool:
        self.kept[path] = text
        return self.works


@pytest.mark.parametrize(
    "content",
    [[text("x" * MAX_CHARACTERS)], [IMAGE], [], [text("a"), IMAGE, text("x" * (MAX_CHARACTERS - 1))]],
)
async def test_what_is_short_enough_stays(content: list[Doc]) -> None:
    files, result = Files(), ToolResult(content)
    assert await bounded(result, "sevt_1", files) is result and not files.kept


@pytest.mark.parametrize("is_error", [False, True])
async def test_what_is_longer_is_kept_whole_and_shown_in_part(is_error: bool) -> None:
    files = Files()
    content = [text("a" * 60_000), IMAGE, text("b" * 40_001)]
    found = await bounded(ToolResult(content, is_error), "sevt_1", files)
    assert files.kept == {f"{OVERFLOW}/sevt_1.txt": "a" * 60_000 + "\n" + "b" * 40_001}
    preview, image = found.content
    assert image == IMAGE and found.is_error == is_error
    assert "100001 characters" in preview["text"] and f"{OVERFLOW}/sevt_1.txt" in preview["text"]
    assert "a" * SHOWN in preview["text"] and preview["text"].endswith("b" * SHOWN)
    assert len(preview["text"]) < 2 * SHOWN + 500


async def test_only_so_much_is_kept() -> None:
    files = Files()
    found = await bounded(ToolResult.text("x" * (MAX_KEPT + 1)), "sevt_1", files)
    (kept,) = files.kept.values()
    assert len(kept) == MAX_KEPT and f"first {MAX_KEPT} characters" in found.content[0]["text"]


@pytest.mark.parametrize("keep", [None, Files(works=False)])
async def test_what_cannot_be_kept_is_cut_and_says_so(keep: Files | None) -> None:
    found = await bounded(ToolResult.text("x" * 200_000), "sevt_1", keep)
    (block,) = found.content
    assert "could not be kept" in block["text"] and OVERFLOW not in block["text"]
    assert len(block["text"]) < 2 * SHOWN + 500


def test_two_previews_of_the_same_output_are_the_same() -> None:
    one, two = (f"in {OVERFLOW}/sevt_{n}.txt, while" for n in ("01AB", "02CD"))
    assert one != two and unnamed(one) == unnamed(two)


@pytest.fixture(params=["bwrap", "docker", "landlock"])
def kind(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that the sandbox's user can enter, which the tests' own folders are not."""
    with tempfile.TemporaryDirectory(prefix="jupyter-agents-tests-") as name:
        top = Path(name)
        for place in (top, top / "root", top / "run"):
            place.mkdir(exist_ok=True)
            place.chmod(0o711)
        yield top


@pytest.fixture
async def boxed(
    kind: str, config: Config, scripted: ScriptedModel, folder: Path
) -> AsyncIterator[tuple[Runtime, bool]]:
    """A runtime with sandboxes of one kind; whether their /tmp is a place of their own."""
    provider: SandboxProvider = BubblewrapProvider() if kind == "bwrap" else LandlockProvider()
    if kind == "docker":
        with closing(docker.from_env()) as client:
            image = import_host_image(client)
        provider = DockerProvider(image=image, mounts=HOST_MOUNTS, directory=folder / "run")
    here = replace(config, data_dir=folder / "data", root_dir=folder / "root")
    made = Runtime(here, [provider], scripted)
    await made.context.start()
    here.data_dir.chmod(0o711)
    yield made, kind != "landlock"
    await made.context.stop()


async def outputs(runtime: Runtime, *uses: Doc) -> tuple[str, list[str]]:
    """A session with these calls, and what the model got of each."""
    session = await runtime.session(script=[*([use] for use in uses), [say("Done.")]])
    await runtime.turn(session, "go")
    found = [event["content"][0]["text"] for event in of(runtime.events(session), "agent.tool_result")]
    sent = runtime.model.requests[-1]["messages"]
    results = [b["content"][0]["text"] for m in sent for b in m["content"] if b["type"] == "tool_result"]
    assert results == found
    return session, found


PATHS = "d=$(printf 'd%.0s' $(seq 200)); mkdir -p $d/$d/$d; cd $d/$d/$d; touch $(seq 200)"


async def test_every_tool_that_can_say_so_much(boxed: tuple[Runtime, bool], kind: str) -> None:
    """bash keeps the last 100 KiB, grep the first, read 256 KiB, glob 200 paths of any length."""
    runtime, own = boxed
    write = call("write", file_path="/workspace/long.txt", content=LINES)
    session, found = await outputs(
        runtime,
        write,
        call("bash", command=f"cat long.txt; {PATHS}"),
        call("read", file_path="/workspace/long.txt"),
        call("grep", pattern="line", path="/workspace/long.txt"),
        call("glob", pattern="**/*"),
        call("read", file_path="/workspace/long.txt", view_range=[1, 2]),
    )
    _, *long, short = found
    assert short == "line 000000\nline 000001"
    uses = [e["id"] for e in of(runtime.events(session), "agent.tool_use")][1:5]
    for use, preview in zip(uses, long, strict=True):
        assert len(preview) < 2 * SHOWN + 500 and "too many to be shown" in preview
        assert (f"{OVERFLOW}/{use}.txt" in preview) == own
    assert long[1].endswith("line 019999\n") and "line 000000\nline 000001" in long[1]
    assert runtime.context.sandboxes.providers[0].kind == {"bwrap": "bubblewrap"}.get(kind, kind)
    assert not Path(OVERFLOW).exists()
    if own:
        await the_files_are_there(runtime, session, uses)


async def the_files_are_there(runtime: Runtime, session: str, uses: list[str]) -> None:
    """The model reads them with any tool; the workspace knows nothing of them."""
    path = f"{OVERFLOW}/{uses[1]}.txt"
    runtime.model.script += [
        [call("read", file_path=path, view_range=[19_999, 20_000])],
        [call("grep", pattern="line 01234[56]", path=path)],
        [call("bash", command=f"cmp {path} /workspace/long.txt && wc -c < {OVERFLOW}/{uses[0]}.txt")],
        [say("Done.")],
    ]
    events = await runtime.turn(session, "look")
    texts = [event["content"][0]["text"] for event in of(events, "agent.tool_result")]
    assert texts[0] == "line 019998\nline 019999"
    assert "12346:line 012345" in texts[1] and "12347:line 012346" in texts[1]
    assert int(texts[2]) > MAX_CHARACTERS
    changes = [
        change["path"]
        for record in runtime.context.journal.read(session)
        for change in (record.private or {}).get("changes", [])
    ]
    assert changes and not any("tool-outputs" in path for path in changes)


async def test_a_sandbox_that_stands_in_the_way_changes_nothing_outside(runtime: Runtime) -> None:
    """The place is made a link to where the agent may not write."""
    long = "head -c 101000 /dev/zero | tr '\\0' x"
    session, found = await outputs(
        runtime,
        call("bash", command=f"ln -s /mnt/session/uploads {OVERFLOW}"),
        call("bash", command=long),
        call("bash", command=f"rm {OVERFLOW}; ln -s /workspace {OVERFLOW}; echo; {long}"),
    )
    assert "could not be kept" in found[1]
    use = of(runtime.events(session), "agent.tool_use")[2]["id"]
    assert (runtime.workspace(session) / f"{use}.txt").exists()


async def test_a_failing_command_keeps_its_verdict(runtime: Runtime) -> None:
    session, (preview,) = await outputs(runtime, call("bash", command="seq 100000; false"))
    result = only(runtime.events(session), "agent.tool_result")
    assert result["is_error"] and OVERFLOW in preview and preview.endswith("99999\n100000\n")


async def test_a_replay_of_it_is_no_drift(runtime: Runtime) -> None:
    session, _ = await outputs(runtime, call("bash", command="seq 100000"))
    text = runtime.context.recorder.text(session)
    again = await runtime.session()
    runtime.context.recorder.add(again, text)
    await runtime.turn(again, "go")
    runner = runtime.context.manager.live(again)
    assert runner is not None
    assert runner.drift(runtime.context.recorder.recordings(again)) == []
    first, second = (only(runtime.events(s), "agent.tool_result")["content"] for s in (session, again))
    assert first != second


async def test_a_recorded_result_that_is_too_long_is_cut_where_no_sandbox_is(bare: Runtime) -> None:
    session = await bare.session(script=[[call("bash", command="seq 1")], [say("Done.")]])
    await bare.turn(session, "go")
    lines = [json.loads(line) for line in bare.context.recorder.text(session).splitlines()]
    (recorded,) = [x for x in lines if x.get("event", {}).get("type") == "agent.tool_result"]
    recorded["event"]["content"] = [text("x" * 150_000)]
    again = await bare.session()
    bare.context.recorder.add(again, "".join(f"{json.dumps(line)}\n" for line in lines))
    (block,) = only(await bare.turn(again, "go"), "agent.tool_result")["content"]
    assert "could not be kept" in block["text"] and len(block["text"]) < 2 * SHOWN + 500
