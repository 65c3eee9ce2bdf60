"""The default container image: its Dockerfile, its packages, and `python -m` to build it."""
