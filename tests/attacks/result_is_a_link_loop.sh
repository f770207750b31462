# The result file becomes a link to itself.
#
# Scores: crashed
cat > model.py <<'END'
import os

os.remove("logits.bin")
os.symlink("logits.bin", "logits.bin")
os._exit(0)
END
