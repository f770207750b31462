# Daemons make model.py long and short again while it is copied, so that the copy is broken.
#
# Scores: no_file or crashed
cat > grow.py <<'END'
import os

file = os.open("model.py", os.O_RDWR)
while True:
    os.ftruncate(file, 50_000_000)
    os.ftruncate(file, 10)
END
for _ in 1 2 3; do setsid nohup python grow.py > /dev/null 2>&1 & done
sleep 1
