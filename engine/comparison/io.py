"""Save a Comparison to one file and read it back."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import xarray as xr

from ..base import InputError, read_netcdf, write_netcdf
from .comparison import Comparison, as_comparison


def save_comparison(comparison: xr.Dataset, path: str | Path) -> Path:
    """Write a Comparison atomically to one netCDF-4 file, which any netCDF or HDF5 reader opens, with a checksum.

    Args:
        comparison: to write.
        path: the file, with the suffix .nc; missing folders are created.

    Raises:
        ValueError: another suffix, or an address instead of a path.
        OutputError: the file cannot be written.
    """
    if Path(path).suffix != ".nc":
        raise InputError(
            f"{path}: a Comparison is saved as netCDF: use the suffix .nc; "
            "for a table: comparison.to_frame().to_csv(path)"
        )
    return write_netcdf(comparison, path)


def load_comparison(path: str | Path) -> Comparison:
    """Read a Comparison that `save_comparison` wrote, of this release or an earlier one.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a folder, not a Comparison, or a file that is damaged or was changed by another program.
    """
    comparison = read_netcdf(path)
    if not {"model"} <= set(comparison.dims) or "hyle_version" not in comparison.attrs:
        raise InputError(f"{path} is not a Comparison of hyle: it has the dimensions {list(comparison.dims)}")
    return as_comparison(_with_current_names(comparison))


def _with_current_names(comparison: xr.Dataset) -> xr.Dataset:
    """Rename variables and attributes that had other names in earlier releases."""
    names = {"draws": "null_samples", "parts": "jackknife_values"}
    renamed: dict[Hashable, str] = {"part": "jackknife_group"} if "part" in comparison.dims else {}
    for name, variable in comparison.data_vars.items():
        kind = variable.attrs.get("kind")
        if kind in names:
            variable.attrs["kind"] = names[kind]
            renamed[name] = f"{variable.attrs['of']}_{names[kind]}"
        if "parts" in variable.attrs:
            variable.attrs["jackknife_groups"] = variable.attrs.pop("parts")
    if "intervals" in comparison.attrs:
        comparison.attrs["jackknife_groups"] = comparison.attrs.pop("intervals")
    return comparison.rename(renamed)
