# A model.py of 200 MB.
#
# Scores: crashed
head -c 200000000 /dev/zero > model.py
