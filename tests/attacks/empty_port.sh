# model.py is empty.
#
# Scores: crashed
: > model.py
