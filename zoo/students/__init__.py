"""Students: small Flax NNX networks that read samples, imported only when one is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .._errors import InputError, MissingPackageError
from .._imports import current_folder, is_user_model
from .._text import did_you_mean

if TYPE_CHECKING:
    from ._student import Student

STUDENTS = {
    "smiles-transformer": "hyle.zoo.students.smiles_transformer:SmilesTransformer",
    "atoms-invariant": "hyle.zoo.students.atoms_invariant:AtomsInvariant",
    "fingerprint-mlp": "hyle.zoo.students.fingerprint_mlp:FingerprintMLP",
}


def find_student(name: str) -> type[Student]:
    """Return the class of a student.

    Args:
        name: ``smiles-transformer``, ``atoms-invariant``, ``fingerprint-mlp``; or ``module:Class``, a subclass of
            `hyle.zoo.students.Student`, the module importable or in the current folder.

    Raises:
        ValueError: no such student; names the closest.
        ImportError: without Flax; says how to install it.
    """
    path = STUDENTS.get(name, name)
    if not is_user_model(path):
        raise InputError(f"no student is called {name!r}{did_you_mean(name, STUDENTS)} Or name one as MODULE:CLASS.")
    try:
        from ._student import Student
    except ModuleNotFoundError as error:
        raise MissingPackageError("a student is a Flax NNX module: pip install 'hyle[train]'") from error
    module, _, cls = path.partition(":")
    try:
        with current_folder():
            found = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name} cannot be imported: {error}; name it as MODULE:CLASS") from error
    if not (isinstance(found, type) and issubclass(found, Student)):
        raise InputError(f"{name} is no student: derive it from hyle.zoo.students.Student")
    return found


def __getattr__(name: str) -> Any:
    # Flax loads with them.
    if name in ("Student", "split_params"):
        from . import _student

        return getattr(_student, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
