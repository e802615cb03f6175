"""Students: small Flax NNX networks that read samples, imported only when they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..base import InputError, MissingPackageError, current_folder, did_you_mean, install_command, is_user_model

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
        name: ``smiles-transformer``, ``atoms-invariant`` or ``fingerprint-mlp``; or ``module:Class``, a subclass of
            `hyle.zoo.students.Student` in a module that is importable or in the current folder.

    Raises:
        ValueError: no such student; the message suggests the closest name.
        ImportError: Flax is not installed.
    """
    path = STUDENTS.get(name, name)
    if not is_user_model(path):
        raise InputError(
            f"no student is called {name!r}{did_you_mean(name, STUDENTS)} Give a custom student as MODULE:CLASS."
        )
    try:
        from ._student import Student
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"students need Flax: {install_command('flax')}") from error
    module, _, cls = path.partition(":")
    try:
        with current_folder():
            student = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name} cannot be imported: {error}; expected MODULE:CLASS") from error
    if not (isinstance(student, type) and issubclass(student, Student)):
        raise InputError(f"{name} is not a student: derive it from hyle.zoo.students.Student")
    return student


def __getattr__(name: str) -> Any:
    # Loaded lazily, because they import Flax.
    if name in ("Student", "split_params"):
        from . import _student

        return getattr(_student, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
