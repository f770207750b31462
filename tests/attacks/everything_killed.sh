# Kills every process of the container that it may.
#
# Scores: crashed
kill -9 -1
