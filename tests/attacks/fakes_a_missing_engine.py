"""Says what a docker command says that finds no engine, with its exit code.

Scores: crashed
"""

import sys

sys.exit(
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
)
