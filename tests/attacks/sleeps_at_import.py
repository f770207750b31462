"""Never gets to the first call.

Scores: timeout
"""

import time

time.sleep(60)
