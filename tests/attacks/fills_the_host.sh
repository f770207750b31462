# Writes to the container's own log, which the engine would keep on the host without an end: 1.25 GB in 8 seconds.
#
# Scores: crashed
timeout 3 cat /dev/zero > /proc/1/fd/1
echo 'raise ValueError("nothing left to say")' > model.py
