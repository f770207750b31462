"""Makes NumPy raise at every floating-point error but underflow."""

import numpy as np
from port import forward  # noqa: F401

np.seterr(divide="raise", over="raise", invalid="raise")
