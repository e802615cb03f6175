"""Every folder of engine, zoo and cli that holds Python is a package; the rest of the build is in pyproject.toml."""

from setuptools import find_packages, setup

TOPS = ("engine", "zoo", "cli")
setup(packages=[f"hyle.{top}{rest}" for top in TOPS for rest in ("", *(f".{name}" for name in find_packages(top)))])
