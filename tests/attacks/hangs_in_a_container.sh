# Ignores the signal that asks it to end, and so do its children.
#
# Scores: timeout
cat > model.py <<'END'
import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
time.sleep(600)
END
