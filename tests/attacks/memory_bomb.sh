# Takes more memory than the machine has.
#
# Scores: crashed
cat > model.py <<'END'
blocks = []
while True:
    blocks.append(bytearray(1 << 28))
END
