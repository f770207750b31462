"""Right, but a thread keeps the process alive: a grader that waits for it waits for ever.

Scores: timeout
"""

import threading
import time

from port import forward  # noqa: F401

threading.Thread(target=time.sleep, args=(60,)).start()
