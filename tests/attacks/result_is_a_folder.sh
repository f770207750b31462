# The result file becomes a folder.
#
# Scores: crashed
cat > model.py <<'END'
import os

os.remove("logits.bin")
os.mkdir("logits.bin")
os._exit(0)
END
