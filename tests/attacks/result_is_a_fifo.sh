# The result file becomes a FIFO: a grader that opens it waits for ever.
#
# Scores: crashed
cat > model.py <<'END'
import os

os.remove("logits.bin")
os.mkfifo("logits.bin")
os._exit(0)
END
