from __future__ import annotations

import random

import numpy as np
import pytest
import xarray as xr

from hyle.engine import History, compare, load_comparison, load_history, save_comparison, save_history
from hyle.engine.base import OutputError
from hyle.engine.base.netcdf import LENGTH
from hyle.engine.comparison import as_comparison

from ...full_disk import REASON, full_disk
from ..samples import single, views


@pytest.fixture(scope="module")
def comparison():
    x, y = map(single, views(0))
    metrics = ["cka", "mutual_knn", "intrinsic_dimension"]
    return compare({"läng/er": x, "y": y}, metrics=metrics, k=5, dimension_k=20)


def test_round_trip_preserves_values_and_attributes(comparison, tmp_path):
    path = save_comparison(comparison, tmp_path / "deep" / "c.nc")
    assert path == tmp_path / "deep" / "c.nc"
    again = load_comparison(path)
    xr.testing.assert_identical(again.drop_attrs(), comparison.drop_attrs())
    assert again.attrs == comparison.attrs
    for name in comparison.data_vars:
        assert set(again[name].attrs) == set(comparison[name].attrs)
        for key, value in comparison[name].attrs.items():
            np.testing.assert_array_equal(again[name].attrs[key], value)


def test_overwriting_leaves_one_complete_file(comparison, tmp_path):
    path = tmp_path / "c.nc"
    save_comparison(comparison, path)
    opened = load_comparison(path)  # does not keep the file open
    save_comparison(opened, path)
    assert [p.name for p in tmp_path.iterdir()] == ["c.nc"]
    xr.testing.assert_equal(load_comparison(path), comparison)


def test_a_failed_write_keeps_the_old_file(comparison, tmp_path):
    path = save_comparison(comparison, tmp_path / "c.nc")
    with pytest.raises((TypeError, ValueError)):
        save_comparison(comparison.assign(bad=("model", [object(), object()])), path)
    assert [p.name for p in tmp_path.iterdir()] == ["c.nc"]
    xr.testing.assert_equal(load_comparison(path), comparison)


def test_unreadable_files_raise_clear_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_comparison(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("model")
    with pytest.raises(ValueError, match="not a netCDF-4 file"):
        load_comparison(tmp_path / "text.nc")
    xr.Dataset({"a": ("q", [1, 2])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="not a Comparison of hyle"):
        load_comparison(tmp_path / "other.nc")


def test_a_full_disk_keeps_the_old_file(comparison, tmp_path):
    path = save_comparison(comparison, tmp_path / "c.nc")
    with full_disk(), pytest.raises(OutputError, match=rf"^cannot write {path}: {REASON}$"):
        save_comparison(comparison.assign(large=("q", np.zeros(10_000))), path)
    with full_disk(100), pytest.raises(OutputError, match=rf"history\.nc: {REASON}$"):
        save_history(History(), tmp_path / "history.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["c.nc"]
    xr.testing.assert_equal(load_comparison(path), comparison)


def test_a_folder_is_neither_read_nor_replaced(comparison, tmp_path):
    folder = tmp_path / "folder.nc"
    folder.mkdir()
    (folder / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"^cannot write .*folder\.nc: Is a directory$"):
        save_comparison(comparison, folder)
    with pytest.raises(ValueError, match=r"folder\.nc is a folder, not a netCDF-4 file"):
        load_comparison(folder)
    with pytest.raises(OutputError, match=r"folder\.nc/file is a file, not a folder$"):
        save_comparison(comparison, folder / "file" / "c.nc")
    assert [p.name for p in folder.iterdir()] == ["file"]


def test_another_suffix_is_refused(comparison, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"thesis\.txt: a Comparison is saved as netCDF: use the suffix \.nc"):
        save_comparison(comparison, tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_other_programs_read_the_file_and_its_copies(comparison, tmp_path):
    path = save_comparison(comparison, tmp_path / "c.nc")
    xr.testing.assert_identical(as_comparison(xr.load_dataset(path, engine="h5netcdf")), comparison)
    xr.load_dataset(path, engine="h5netcdf").to_netcdf(tmp_path / "copy.nc", engine="h5netcdf")
    xr.testing.assert_identical(load_comparison(tmp_path / "copy.nc"), comparison)


def test_damaged_files_are_refused_in_one_line(comparison, tmp_path):
    content = save_comparison(comparison, tmp_path / "c.nc").read_bytes()
    rng = random.Random(0)
    path = tmp_path / "d.nc"
    for attempt in range(100):
        damaged = bytearray(content)
        if attempt % 2:
            place = rng.randrange(len(damaged) - LENGTH)
            damaged[place] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(damaged) - LENGTH) :]
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"d\.nc is (damaged|not a netCDF-4 file)") as caught:
            load_comparison(path)
        assert "\n" not in str(caught.value)
        assert load_history(path) is None


def test_addresses_are_refused(comparison, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"s3://bucket/c\.nc: addresses are not supported"):
        save_comparison(comparison, "s3://bucket/c.nc")
    with pytest.raises(ValueError, match="addresses are not supported"):
        load_comparison("https://example.org/c.nc")
    assert not list(tmp_path.iterdir())
