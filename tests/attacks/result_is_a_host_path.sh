# The result file becomes a link to a file of the host.
#
# Scores: crashed
cat > model.py <<'END'
import os

os.remove("logits.bin")
os.symlink("/etc/hostname", "logits.bin")
os._exit(0)
END
