"""Save a Comparison to one file and read it back."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Hashable
from pathlib import Path

import xarray as xr

from ..base import InputError, MissingFileError, check_local, output_errors

# Precedes the SHA-256 of all bytes before it, at the end of a file. Readers of HDF5 ignore what follows the content.
CHECKSUM = b"\nsha256 "
LENGTH = len(CHECKSUM) + 64


def save_comparison(comparison: xr.Dataset, path: str | Path) -> Path:
    """Write a Comparison to one netCDF-4 file, which any netCDF or HDF5 reader opens.

    The file is written under a temporary name and renamed, so that readers never see a partial file. It ends with a
    checksum.

    Raises:
        OutputError: the file cannot be written.
    """
    check_local(path)
    path = Path(path)
    # The HDF5 library crashes the process if the disk is full, so it writes to memory only.
    content = io.BytesIO()
    comparison.to_netcdf(content, engine="h5netcdf")
    checksum = hashlib.sha256(content.getbuffer()).hexdigest()
    content.seek(0, os.SEEK_END)
    content.write(CHECKSUM + checksum.encode())
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.stem}.{os.getpid()}.{os.urandom(4).hex()}.nc")
        try:
            scratch.write_bytes(content.getbuffer())
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    return path


def load_comparison(path: str | Path) -> xr.Dataset:
    """Read a Comparison that `save_comparison` wrote, of this release or an earlier one.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a folder, not a Comparison, or a file that is damaged or was changed by another program.
    """
    check_local(path)
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder, not a netCDF-4 file")
    if not Path(path).is_file():
        raise MissingFileError(f"{path} does not exist")
    content = Path(path).read_bytes()
    if content[-LENGTH:].startswith(CHECKSUM):
        content, checksum = content[:-LENGTH], content[-64:]
        if hashlib.sha256(content).hexdigest().encode() != checksum:
            raise InputError(f"{path} is damaged, or was changed by another program: its checksum differs")
    try:
        comparison = xr.load_dataset(io.BytesIO(content), engine="h5netcdf")
    # Which error a damaged file raises depends on where it is damaged.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is not a netCDF-4 file, or is damaged: {reason[:200]}") from error
    if not {"model"} <= set(comparison.dims) or "hyle_version" not in comparison.attrs:
        raise InputError(f"{path} is not a Comparison of hyle: it has the dimensions {list(comparison.dims)}")
    return _with_current_names(comparison)


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
