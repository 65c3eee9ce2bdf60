"""Makes the run files that come with the package: ``python -m tests.make_recordings [NAME ...]``.

Each notebook is run once against a scripted model, with the tools really running. Run it again when
the tools' definitions change, since a recorded answer is found by them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_agents.testing import Reply, ScriptedModel, call, say, think

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT / "jupyter_agents" / "recordings"

SCRIPT = '''\
"""Write the first 20 Fibonacci numbers to fibonacci.txt, one a line."""


def fibonacci(count):
    a, b = 0, 1
    for _ in range(count):
        yield a
        a, b = b, a + b


with open("fibonacci.txt", "w") as file:
    for number in fibonacci(20):
        print(number, file=file)
'''

USAGE = {"input_tokens": 1500, "output_tokens": 90}

QUICKSTART = [
    Reply(
        [
            think("A small script; write it, run it, look at the result."),
            say("I'll write the script, run it, and check the file."),
            call("write", file_path="/workspace/fibonacci.py", content=SCRIPT),
        ],
        usage={"input_tokens": 1402, "output_tokens": 301},
    ),
    Reply(
        [call("bash", command="python3 fibonacci.py && wc -l fibonacci.txt")],
        usage={"input_tokens": 1748, "output_tokens": 88},
    ),
    Reply(
        [call("bash", command="head -n 3 fibonacci.txt; echo ...; tail -n 2 fibonacci.txt")],
        usage={"input_tokens": 1872, "output_tokens": 92},
    ),
    Reply(
        [
            say(
                "Done. `fibonacci.py` writes the first 20 Fibonacci numbers to `fibonacci.txt`, "
                "one a line:\n\n"
                "| | |\n|---|---|\n| first | 0, 1, 1, 2, 3 |\n| last | 4181 |\n\n"
                "To run it again: `python3 fibonacci.py`."
            )
        ],
        usage={"input_tokens": 1995, "output_tokens": 121},
    ),
]

KERNEL_TOOLS = [
    Reply(
        [
            say("I'll add up the second half for each region and look at the targets."),
            call("total", region="north", first=7),
            call("total", region="south", first=7),
            call("target", region="north"),
            call("target", region="south"),
            call("target", region="east"),
        ],
        usage={"input_tokens": 812, "output_tokens": 214},
    ),
    Reply(
        [
            say(
                "Neither of them:\n\n"
                "| region | July to December | target |\n|---|---|---|\n"
                "| north | 1,455 | 1,500 |\n| south | 990 | 1,500 |\n\n"
                "The north misses its target by 45. "
                "There is no target for the east: the notebook knows north and south only."
            )
        ],
        usage={"input_tokens": 1163, "output_tokens": 127},
    ),
]

MEANS = """\
import csv, json
from collections import defaultdict

values = defaultdict(list)
with open("/mnt/notebook/temperatures.csv") as file:
    for row in csv.DictReader(file):
        values[row["city"]].append(float(row["celsius"]))
with open("/workspace/names.json") as file:
    countries = json.load(file)
means = {
    city: {"celsius": sum(found) / len(found), "country": countries[city]} for city, found in values.items()
}
with open("means.json", "w") as file:
    json.dump(means, file, indent=2)
with open("means.csv", "w") as file:
    print("city,celsius,country", file=file)
    for city, row in means.items():
        print(city, row["celsius"], row["country"], sep=",", file=file)
"""

FILES = [
    Reply(
        [
            say("I'll look at both files first."),
            call("bash", command="head -n 3 /mnt/notebook/temperatures.csv; cat /workspace/names.json"),
        ],
        usage={"input_tokens": 1210, "output_tokens": 74},
    ),
    Reply(
        [call("write", file_path="/workspace/means.py", content=MEANS)],
        usage={"input_tokens": 1388, "output_tokens": 312},
    ),
    Reply(
        [call("bash", command="python3 means.py && cat means.csv")],
        usage={"input_tokens": 1731, "output_tokens": 61},
    ),
    Reply(
        [say("`means.csv` and `means.json` hold the mean of each city, with its country. Cairo is warmest.")],
        usage={"input_tokens": 1840, "output_tokens": 48},
    ),
]

APPROVALS = [
    [
        say("I write the names down, then sort them."),
        call("write", file_path="/workspace/names.txt", content="Lovelace\nHopper\nCurie\n"),
        call("bash", command="sort -o names.txt names.txt && cat names.txt"),
    ],
    [say("`names.txt` has three names, sorted.")],
    [call("bash", command="rm names.txt")],
    [say("I keep `names.txt`, as you say.")],
    [call("bash", command="wc -l names.txt")],
    [call("bash", command="head -n 1 names.txt")],
    [say("Three names; the first is Curie.")],
]

NOTEBOOKS = {
    "01-quickstart": QUICKSTART,
    "02-approvals": [Reply(blocks, usage=USAGE) for blocks in APPROVALS],
    "03-kernel-tools": KERNEL_TOOLS,
    "04-files": FILES,
}


def record(name: str, script: list[Reply]) -> None:
    """Run one notebook and keep its run file."""
    with tempfile.TemporaryDirectory() as folder, ScriptedModel(script) as model:
        place = Path(folder)
        place.chmod(0o755)
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", place)
        environment = {
            **os.environ,
            "JUPYTER_AGENTS_MODEL_URL": model.url,
            "JUPYTER_AGENTS_DATA_DIR": str(place / "data"),
        }
        command = [sys.executable, "-m", "jupyter_agents.cli", "quickstart", str(place / f"{name}.ipynb")]
        subprocess.run(command, check=True, env=environment)
        (run,) = (place / "data" / "runs").glob("*.agentrun")
        RECORDINGS.mkdir(exist_ok=True)
        shutil.copyfile(run, RECORDINGS / f"{name}.agentrun")


if __name__ == "__main__":
    for notebook in sys.argv[1:] or NOTEBOOKS:
        record(notebook, NOTEBOOKS[notebook])
