"""Models that were trained on data that contain the samples of a Comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .scores import model_names, per_model

if TYPE_CHECKING:
    import xarray as xr

# Printed after the name of such a model.
TRAINED = "†"
# The variable over ``model`` that says so, 1 or 0.
TRAINED_ON_SAMPLES = "trained_on_samples"


def trained_on_samples(comparison: xr.Dataset) -> list[str]:
    """Return the names of the models that were trained on data that contain the samples, as far as it is known."""
    flags = per_model(comparison, TRAINED_ON_SAMPLES)
    return [name for name, flag in zip(model_names(comparison), flags, strict=True) if flag]


def marked_names(comparison: xr.Dataset) -> list[str]:
    """Return the names of all models, with `TRAINED` after those that were trained on the samples."""
    trained = set(trained_on_samples(comparison))
    return [f"{name} {TRAINED}" if name in trained else name for name in model_names(comparison)]


def trained_note(comparison: xr.Dataset) -> str:
    """Return what the mark means, with the models in question; empty if there are none."""
    trained = trained_on_samples(comparison)
    if not trained:
        return ""
    shown = ", ".join(trained[:6]) + (f" and {len(trained) - 6} more" if len(trained) > 6 else "")
    return f"trained on data that contain these samples: {shown}"
