from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from jupyter_agents.errors import UserError
from jupyter_agents.sandbox.docker import DockerProvider
from jupyter_agents.sandbox.image import build as build_module
from jupyter_agents.sandbox.image.__main__ import main
from jupyter_agents.sandbox.image.build import HERE, VARIANTS, build, libraries, packages
from tests.sandbox.host_base import import_host_base

NOWHERE = "127.0.0.1:1/none:1"


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    try:
        made = docker.from_env()
    except DockerException as error:
        if "docker" in os.environ.get("REQUIRE", "").split(","):
            raise
        pytest.skip(f"no Docker engine: {error}")
    yield made
    made.close()


async def test_the_image_is_built_and_runs_tools(client: docker.DockerClient) -> None:
    base, tag = import_host_base(client), "jupyter-agents/sandbox:test"
    lines: list[str] = []
    build(client, tag, base=base, log=lines.append)
    provider = DockerProvider(image=tag)
    probe = await provider.probe()
    await provider.close()
    assert probe.ok, probe
    assert any("Successfully tagged" in line for line in lines)
    client.api.remove_image(tag)
    client.api.remove_image(base)


def test_without_a_base_the_ways_out_are_named(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "BASE", NOWHERE)
    monkeypatch.setenv("PATH", "")
    lines: list[str] = []
    with pytest.raises(UserError, match="Install mmdebstrap, or name an image that is here"):
        build(client, "x:y", base=None, log=lines.append)
    assert any("cannot be pulled" in line for line in lines)


def test_a_base_that_is_not_there_is_an_error_in_words(
    client: docker.DockerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--base", NOWHERE, "--tag", "x:y"]) == 1
    assert "The image was not built" in capsys.readouterr().err


RECIPE = """\
ARG BASE=debian:12-slim
FROM ${BASE} AS slim

COPY install.sh slim.txt /usr/share/jupyter-agents/
RUN sh /usr/share/jupyter-agents/install.sh /usr/share/jupyter-agents/slim.txt
RUN echo 'agent:x:65532:65532:agent:/home/agent:/bin/bash' >> /etc/passwd \\
    && echo 'agent:x:65532:' >> /etc/group

ENV PATH=/home/agent/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    LANG=C.UTF-8 \\
    PIP_BREAK_SYSTEM_PACKAGES=1
USER 65532:65532
WORKDIR /workspace

FROM slim AS full

USER root
COPY full.txt requirements.txt /usr/share/jupyter-agents/
RUN sh /usr/share/jupyter-agents/install.sh /usr/share/jupyter-agents/full.txt
RUN python3 -m pip install --no-cache-dir -r /usr/share/jupyter-agents/requirements.txt
RUN ln -s /usr/bin/fdfind /usr/local/bin/fd
USER 65532:65532
"""
LIBRARIES = [
    "pandas",
    "numpy",
    "scipy",
    "scikit-learn",
    "statsmodels",
    "matplotlib",
    "seaborn",
    "pyarrow",
    "openpyxl",
    "xlsxwriter",
    "xlrd",
    "pillow",
    "python-pptx",
    "python-docx",
    "pypdf",
    "pdfplumber",
    "pypdfium2",
    "pdf2image",
    "pdfkit",
    "tabula-py",
    "reportlab[pycairo]",
    "img2pdf",
    "sympy",
    "mpmath",
    "tqdm",
    "python-dateutil",
    "pytz",
    "joblib",
]
PROGRAMS = {
    "unzip": "unzip",
    "7zip": "p7zip-full",
    "bc": "bc",
    "rg": "ripgrep",
    "fd": "fd-find",
    "sqlite": "sqlite3",
}
"""Spec section 9, and the Debian package of each."""
EXCEPTIONS = {"unrar": "unar"}
NEEDED = {"pdf2image": "poppler-utils", "pdfkit": "wkhtmltopdf", "tabula-py": "default-jre-headless"}
NEEDED |= {"reportlab[pycairo]": "python3-cairo"}


def test_the_recipe_is_exactly_this() -> None:
    assert (HERE / "Dockerfile").read_text() == RECIPE


def test_the_lists_are_names_and_in_order() -> None:
    for names in (packages(), packages("full"), libraries()):
        assert names == sorted(set(names))
    assert {"python3", "bash", "ripgrep"} <= set(packages()) and not {*packages()} & {*packages("full")}
    assert {"nodejs", "npm", "golang-go"} <= set(packages("full"))


def test_every_library_is_there_or_a_named_exception() -> None:
    assert libraries() == sorted(LIBRARIES)
    debian = {*packages(), *packages("full")}
    assert {*PROGRAMS.values(), *EXCEPTIONS.values(), *NEEDED.values()} <= debian
    documented = (Path(__file__).parents[2] / "docs/sandboxes.md").read_text()
    for name in (*LIBRARIES, *PROGRAMS, *EXCEPTIONS, *EXCEPTIONS.values()):
        assert name in documented, name


def test_both_variants_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for variant in VARIANTS:
        given = ["--variant", variant, "--base", NOWHERE, "--tag", "x:y"]
        assert main(given) == 1 and "The image was not built" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--variant", "huge"])
    assert "slim" in capsys.readouterr().err
