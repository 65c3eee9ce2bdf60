from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jupyter_agents.store.ownership import Ownership

HOLD = """
import pathlib, sys
from jupyter_agents.store.ownership import Ownership
owner = Ownership(pathlib.Path(sys.argv[1]))
print(owner.acquire("sesn_1"), flush=True)
sys.stdin.read()
"""


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    here = Ownership(tmp_path)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "True\n"
        assert not here.acquire("sesn_1")
        assert here.acquire("sesn_2")
        other.kill()
        other.wait()
    assert here.acquire("sesn_1")
    here.close()


def test_an_owner_may_ask_again_and_give_back(tmp_path: Path) -> None:
    one, two = Ownership(tmp_path), Ownership(tmp_path)
    assert one.acquire("sesn_1") and one.acquire("sesn_1")
    assert not two.acquire("sesn_1")
    one.release("sesn_1")
    one.release("sesn_1")
    assert two.acquire("sesn_1")
    two.close()


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    owner = Ownership(tmp_path)
    assert owner.acquire("sesn_1")
    child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        owner.release("sesn_1")
        assert Ownership(tmp_path).acquire("sesn_1")
    finally:
        child.kill()
        child.wait()


def test_a_deleted_sessions_lock_file_goes(tmp_path: Path) -> None:
    owner = Ownership(tmp_path)
    owner.acquire("sesn_1")
    owner.forget("sesn_1")
    assert list(tmp_path.iterdir()) == []
