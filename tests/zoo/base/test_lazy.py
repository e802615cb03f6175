"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LAZY = [
    ".".join(("hyle", *path.parent.relative_to(ROOT).parts))
    for top in ("zoo", "cli")
    for path in sorted((ROOT / top).rglob("__init__.py"))
    if "lazy_names(__name__" in path.read_text("utf-8")
]


@pytest.mark.parametrize("package", LAZY)
def test_every_name_can_be_imported_and_is_listed(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(set(module.__all__))
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert type(getattr(module, name)).__name__ != "module"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        module.nothing  # noqa: B018
    with pytest.raises(ImportError, match="nothing"):
        exec(f"from {package} import nothing")


def test_a_name_is_not_hidden_by_a_module_that_is_called_like_it() -> None:
    code = "import hyle.zoo.models.load; from hyle.zoo import load; from hyle.zoo.models import load as same\n"
    code += "import hyle.zoo.readers; assert callable(load) and load is same"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_them_imports_nothing() -> None:
    code = "import sys\nbefore = set(sys.modules)\nimport hyle.zoo\n"
    code += "print(*(name for name in ('numpy', 'importlib.metadata', 'rich', 'click') if name in sys.modules))\n"
    code += "print(*sorted(name for name in sys.modules if name.startswith('hyle.zoo.')))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["", "hyle.zoo.base hyle.zoo.base.lazy"]
