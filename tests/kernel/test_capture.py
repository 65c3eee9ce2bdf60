"""What a call shows is its own; everybody else's output goes where it always went."""

from __future__ import annotations

import asyncio
import base64
import sys
import threading

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from jupyter_agents.kernel.capture import LONGEST_TEXT, captured
from jupyter_agents.kernel.images import SIGNATURE


def test_what_is_printed_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with captured() as taken:
        print("one")
        print("two", file=sys.stderr)
        assert not sys.stdout.isatty() and sys.stdout.writable()
    print("three")
    assert sys.stdout is before
    assert taken.blocks() == [{"type": "text", "text": "one\ntwo\n"}]
    assert capsys.readouterr().out == "three\n"


def test_other_threads_and_tasks_print_where_they_always_did(capsys: pytest.CaptureFixture[str]) -> None:
    async def call(word: str) -> object:
        with captured() as taken:
            for _ in range(3):
                print(word)
                await asyncio.sleep(0.001)
        return taken.blocks()

    async def both() -> list[object]:
        return await asyncio.gather(call("a"), call("b"))

    assert asyncio.run(both()) == [[{"type": "text", "text": f"{word}\n" * 3}] for word in "ab"]
    with captured() as taken:
        thread = threading.Thread(target=print, args=("aside",))
        thread.start()
        thread.join()
    assert (taken.blocks(), capsys.readouterr().out) == ([], "aside\n")


def test_ten_megabytes_are_bounded() -> None:
    with captured() as taken:
        for _ in range(10):
            print("x" * 1_000_000)
    first, note = taken.blocks()
    assert len(first["text"]) == LONGEST_TEXT
    assert note["text"] == f"[... {10_000_010 - LONGEST_TEXT:,} characters more were printed]"


def test_displays_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    publisher = shell.display_pub
    png = SIGNATURE + b"rest"
    with captured() as taken:
        display({"image/png": png, "text/plain": "<image>"}, raw=True)
        display({"text/plain": "words"}, raw=True)
        display({"image/png": base64.b64encode(png).decode() + "\n"}, raw=True)
        shell.display_pub.clear_output()
    assert shell.display_pub is publisher
    encoded = base64.b64encode(png).decode()
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": encoded},
    }
    assert taken.blocks() == [image, {"type": "text", "text": "words\n"}, image]
    assert capsys.readouterr().out == ""
    InteractiveShell.clear_instance()
