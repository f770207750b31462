"""forward is an object with __call__ and optional arguments."""

from port import forward as right


class Model:
    def __call__(self, weights, tokens, cache=None, **options):
        return right(weights, tokens)


forward = Model()
