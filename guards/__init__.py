"""What keeps a run going. To import it registers a hook, and what models cost."""

from guards import isolation, prices  # noqa: F401
