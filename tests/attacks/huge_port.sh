# A model.py of 200 MB.
#
# Scores: no_file
head -c 200000000 /dev/zero > model.py
