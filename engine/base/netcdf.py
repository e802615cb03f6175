"""Data sets in netCDF-4 files that end in a checksum."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import xarray as xr

from .errors import InputError, MissingFileError, check_local, output_errors

# Precedes the SHA-256 of all bytes before it, at the end of a file. Readers of HDF5 ignore what follows the content.
CHECKSUM = b"\nsha256 "
LENGTH = len(CHECKSUM) + 64


def write_netcdf(data: xr.Dataset, path: str | Path) -> Path:
    """Write a data set to one netCDF-4 file, which any netCDF or HDF5 reader opens.

    The file is written under a temporary name and renamed, so that readers never see a partial file. It ends with a
    checksum.

    Raises:
        ValueError: an address instead of a path.
        OutputError: the file cannot be written.
    """
    check_local(path)
    path = Path(path)
    # The HDF5 library crashes the process if the disk is full, so it writes to memory only.
    content = io.BytesIO()
    data.to_netcdf(content, engine="h5netcdf")
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


def read_netcdf(path: str | Path) -> xr.Dataset:
    """Read a data set into memory. Files of other programs and of earlier releases have no checksum.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a folder, or a file that is not netCDF-4, is damaged, or was changed by another program.
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
        return xr.load_dataset(io.BytesIO(content), engine="h5netcdf")
    # Which error a damaged file raises depends on where it is damaged.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is not a netCDF-4 file, or is damaged: {reason[:200]}") from error
