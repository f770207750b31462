"""A pool of processes, a sequence each."""

from multiprocessing import Pool

from port import forward as right


def first(call):
    return right(*call)[0]


def forward(weights, tokens):
    with Pool(2) as pool:
        return pool.map(first, [(weights, row[None]) for row in tokens])
