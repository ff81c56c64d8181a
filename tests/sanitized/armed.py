"""See that the sanitizers watch: a call that writes one number too far must end the process, with a report."""

import ctypes
import subprocess
import sys
from pathlib import Path

FAULT = """
import ctypes
import numpy as np
from alworkflows.descriptors.neighbours import list_kernel

kept = [np.zeros((1, 3)), 4 * np.eye(3), np.ones(3, dtype=np.int32), np.zeros(1000, dtype=np.int32), np.zeros((1000, 3))]
at = [ctypes.c_void_p(each.ctypes.data) for each in kept]
short = np.zeros(1, dtype=np.int64)  # of one atom it takes two
limits = map(ctypes.c_int64, (1000, 10**6, 10**6))
list_kernel(ctypes.c_int64(1), *at[:3], ctypes.c_double(6), 0, *limits, ctypes.c_void_p(short.ctypes.data), *at[3:])
"""


def main():
    from alworkflows.descriptors import _kernels

    assert Path(_kernels.__file__).is_relative_to(Path.cwd()), f"expected the library of {Path.cwd()}, got {_kernels.__file__}"
    assert hasattr(ctypes.CDLL(None), "__asan_init"), "the address sanitizer is not loaded"
    ended = subprocess.run([sys.executable, "-c", FAULT], capture_output=True, text=True, check=False)
    assert ended.returncode != 0, "a write beyond an array went by without a word"
    assert "AddressSanitizer: heap-buffer-overflow" in ended.stderr, ended.stderr[-2000:]
    assert "alw_neighbours" in ended.stderr, ended.stderr[-2000:]


if __name__ == "__main__":
    main()
