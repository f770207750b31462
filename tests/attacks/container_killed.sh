# Kills the container's first process, so that there is nothing to grade.
#
# Scores: crashed
kill 1
