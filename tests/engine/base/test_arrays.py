from __future__ import annotations

import contextlib
import ctypes

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from hyle.engine import as_array, cka, copy_reason

from ..samples import single, views

VALUES = np.arange(32, dtype=np.float32).reshape(8, 4)


def aligned(dtype, offset=0):
    """A writable [8, 4] array of VALUES whose buffer starts ``offset`` bytes beyond a multiple of 64."""
    size = VALUES.size * np.dtype(dtype).itemsize
    raw = np.zeros(size + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    array = raw[start : start + size].view(dtype).reshape(VALUES.shape)
    array[...] = VALUES
    return array


def same(array, values=VALUES):
    return np.array_equal(np.asarray(array, np.float64), np.asarray(values, np.float64))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "uint8"])
def test_numpy_shares_memory(dtype):
    array = aligned(dtype)
    assert copy_reason(array) is None
    shared = as_array(array, copy=False)
    assert shared.unsafe_buffer_pointer() == array.ctypes.data
    assert shared.dtype == dtype
    array[0, 0] = 7
    assert float(shared[0, 0]) == 7


def test_numpy_float64_shares_memory_where_jax_has_float64(float64):
    array = aligned("float64")
    assert copy_reason(array) is None
    assert as_array(array, copy=False).unsafe_buffer_pointer() == array.ctypes.data


def read_only():
    array = aligned("float32")
    array.flags.writeable = False
    return array


COPIED = {
    "strided": (lambda: np.repeat(VALUES, 2, 1)[:, ::2], "not contiguous"),
    "transposed": (lambda: np.ascontiguousarray(VALUES.T).T, "not contiguous"),
    "float64": (lambda: aligned("float64"), "float64 is reduced to 32 bits while jax_enable_x64 is off"),
    "int64": (lambda: aligned("int64"), "int64 is reduced to 32 bits"),
    "misaligned": (lambda: aligned("float32", 4), "not aligned to 64 bytes"),
    "read-only": (read_only, "read-only"),
    "bfloat16": (lambda: VALUES.astype(ml_dtypes.bfloat16), "bfloat16"),
    "other byte order": (lambda: aligned(">f4"), "NumPy does not export >f4"),
    "other byte order, 64 bits": (lambda: aligned(">f8"), "NumPy does not export >f8"),
    "long double": (lambda: VALUES.astype(np.longdouble), "longdouble|float128|float64"),
    "list": (VALUES.tolist, "list does not support DLPack"),
}


@pytest.mark.parametrize("name", COPIED)
def test_an_unavoidable_copy_is_correct_and_its_reason_reported(name):
    make, words = COPIED[name]
    tensor = make()
    reason = copy_reason(tensor)
    assert reason is not None
    with pytest.raises(ValueError, match=f"without a copy: .*({words})"):
        as_array(tensor, copy=False)
    copied = as_array(tensor)
    assert same(copied)
    if isinstance(tensor, np.ndarray) and tensor.flags.writeable:
        tensor[0, 0] = 7
        assert same(copied)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_of_8_bits(name):
    tensor = VALUES.astype(getattr(ml_dtypes, name))
    assert name in str(copy_reason(tensor))
    array = as_array(tensor)
    assert array.dtype.name == name
    np.testing.assert_array_equal(np.asarray(array, np.float32), tensor.astype(np.float32))


def test_an_explicit_copy_does_not_share_memory():
    array = aligned("float32")
    copied = as_array(array, copy=True)
    array[0, 0] = 7
    assert same(copied)
    assert as_array(copied) is copied
    assert as_array(copied, copy=False) is copied
    assert as_array(copied, copy=True).unsafe_buffer_pointer() != copied.unsafe_buffer_pointer()


@pytest.mark.parametrize(
    "tensor",
    [
        "text",
        ["a", "b"],
        np.array([["ab", "cd"]]),
        np.ones((4, 4), np.complex64),
        np.ones((4, 4), np.complex128),
        np.array([[None]]),
        np.zeros((2, 2), "datetime64[s]"),
        None,
    ],
)
def test_input_other_than_real_numbers_is_rejected(tensor):
    with pytest.raises(TypeError, match="tensor of real numbers"):
        as_array(tensor)


def test_complex_jax_arrays_are_rejected_by_the_metrics():
    with pytest.raises(TypeError, match="real numbers"):
        cka(jnp.ones((8, 4), jnp.complex64), VALUES)


def test_tracers_are_returned_unchanged():
    assert same(jax.jit(as_array)(VALUES))


def test_empty_and_scalar_arrays():
    assert as_array(np.zeros((0, 4), np.float32)).shape == (0, 4)
    assert as_array(np.float32(3)).shape == ()


class TestTorch:
    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")

    def tensor(self, dtype, elements_beyond=0):
        """A contiguous [8, 4] tensor whose buffer starts so many elements beyond a multiple of 64 bytes."""
        dtype = getattr(self.torch, dtype)
        base = self.torch.zeros(VALUES.size + 128, dtype=dtype)
        start = -base.data_ptr() % 64 // dtype.itemsize + elements_beyond
        tensor = base[start : start + VALUES.size].view(*VALUES.shape)
        tensor[...] = self.torch.from_numpy(VALUES).to(dtype)
        return tensor

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32", "uint8"])
    def test_shares_memory(self, dtype):
        tensor = self.tensor(dtype)
        assert copy_reason(tensor) is None
        shared = as_array(tensor, copy=False)
        assert shared.unsafe_buffer_pointer() == tensor.data_ptr()
        assert shared.dtype == dtype
        assert same(shared)
        tensor[0, 0] = 7
        assert float(shared[0, 0]) == 7

    def test_detaches(self):
        tensor = self.tensor("float32").requires_grad_()
        assert copy_reason(tensor) is None
        assert as_array(tensor, copy=False).unsafe_buffer_pointer() == tensor.data_ptr()
        assert same(as_array(self.torch.nn.Parameter(self.tensor("bfloat16"))))

    def test_recognises_a_subclass(self):
        class Batch(self.torch.Tensor):
            pass

        tensor = self.tensor("float32").requires_grad_().as_subclass(Batch)
        assert same(as_array(tensor))
        assert copy_reason(tensor[:, ::2]) is not None
        assert same(as_array(tensor[:, ::2]), VALUES[:, ::2])

    def test_float64_shares_memory_where_jax_has_float64(self, float64):
        tensor = self.tensor("float64")
        assert as_array(tensor, copy=False).unsafe_buffer_pointer() == tensor.data_ptr()

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda t: t[:, ::2], "not contiguous"),
            (lambda t: t.t(), "not contiguous"),
            (lambda t: t[:1].expand(8, 4), "not contiguous"),
            (lambda t: t[1:], "not aligned to 64 bytes"),
        ],
    )
    def test_an_unavoidable_copy_is_correct_and_its_reason_reported(self, dtype, change, words):
        tensor = change(self.tensor(dtype))
        with pytest.raises(ValueError, match=f"without a copy: .*{words}"):
            as_array(tensor, copy=False)
        copied = as_array(tensor)
        assert copied.dtype == dtype
        assert same(copied, change(self.torch.from_numpy(VALUES)))
        assert same(as_array(tensor, copy=True), copied)

    @pytest.mark.parametrize("dtype", ["float64", "int64"])
    def test_64_bits_become_32(self, dtype):
        tensor = self.tensor(dtype)
        with pytest.raises(ValueError, match=f"{dtype} is reduced to 32 bits"):
            as_array(tensor, copy=False)
        assert as_array(tensor).dtype.itemsize == 4
        assert same(as_array(tensor))
        assert same(as_array(tensor.requires_grad_() if dtype == "float64" else tensor))

    def test_complex_is_rejected(self):
        with pytest.raises(TypeError, match="real numbers"):
            as_array(self.torch.ones(8, 4, dtype=self.torch.complex64))

    def test_a_metric_accepts_it(self):
        x, y = map(single, views(0))
        torch = self.torch
        assert float(cka(torch.from_numpy(x), torch.from_numpy(y))) == pytest.approx(float(cka(x, y)), rel=1e-6)

    def test_the_buffer_outlives_the_tensor(self):
        shared = as_array(self.tensor("float32"), copy=False)  # keeps the buffer alive
        assert same(shared)
        assert ctypes.string_at(shared.unsafe_buffer_pointer(), 8) == VALUES.tobytes()[:8]

    @pytest.mark.gpu
    def test_shares_memory_on_a_gpu(self):
        with contextlib.suppress(RuntimeError):
            if self.torch.cuda.is_available() and jax.devices("gpu"):
                tensor = self.torch.ones(8, 4, device="cuda")
                shared = as_array(tensor, copy=False)
                assert shared.unsafe_buffer_pointer() == tensor.data_ptr()
                for dtype in (self.torch.float32, self.torch.bfloat16):  # from the CPU, while JAX computes on the GPU
                    assert "JAX computes on" in copy_reason(self.torch.ones(8, 4, dtype=dtype))
                    assert as_array(self.torch.ones(8, 4, dtype=dtype)).devices() == shared.devices()
                return
        pytest.skip("needs a GPU visible to both torch and JAX")
