"""A pool of threads, a sequence each."""

from concurrent.futures import ThreadPoolExecutor

from port import forward as right


def forward(weights, tokens):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda row: right(weights, row[None])[0], tokens))
