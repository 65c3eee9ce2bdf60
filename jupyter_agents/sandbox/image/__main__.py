"""``python -m jupyter_agents.sandbox.image``: build the default image."""

from __future__ import annotations

import argparse
import sys

import docker
from docker.errors import DockerException

from ...errors import UserError
from ..docker import DEFAULT_IMAGE
from .build import BASE, VARIANTS, build


def main(arguments: list[str] | None = None) -> int:
    """Build, and print what happens. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m jupyter_agents.sandbox.image", description="Build the sandbox's image."
    )
    parser.add_argument("--tag", default=DEFAULT_IMAGE, help="the image's name (%(default)s)")
    parser.add_argument("--base", help=f"the image to build on ({BASE}, or one of packages)")
    parser.add_argument(
        "--variant", choices=VARIANTS, default="slim", help="full adds Node.js, Go and many libraries"
    )
    parser.add_argument("--network", help="the engine's network for the build, such as host")
    given = parser.parse_args(arguments)
    try:
        client = docker.from_env(timeout=1800)
    except DockerException as error:
        print(f"There is no Docker engine: {error}", file=sys.stderr)
        return 1
    try:
        build(
            client,
            given.tag,
            base=given.base,
            log=lambda line: print(line, flush=True),
            variant=given.variant,
            network=given.network,
        )
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        client.close()
    print(f"{given.tag} is ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
