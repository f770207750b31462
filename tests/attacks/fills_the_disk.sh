# Writes zeros until the system says no.
#
# Scores: crashed
cat > model.py <<'END'
with open("zeros", "wb") as file:
    while True:
        file.write(bytes(1 << 26))
END
