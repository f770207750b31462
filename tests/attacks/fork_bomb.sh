# Forks without end.
#
# Scores: timeout or crashed
cat > model.py <<'END'
import os
import time

while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.1)
END
