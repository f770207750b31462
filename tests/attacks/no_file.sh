# There is no model.py.
#
# Scores: no_file
rm model.py
