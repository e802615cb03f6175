"""hyle, and every folder of engine, zoo and cli that holds Python, is a package; pyproject.toml has all else."""

from setuptools import find_packages, setup

TOPS = ("engine", "zoo", "cli")
setup(
    packages=[
        "hyle",
        *(f"hyle.{top}{rest}" for top in TOPS for rest in ("", *(f".{name}" for name in find_packages(top)))),
    ]
)
