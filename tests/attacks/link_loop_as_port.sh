# model.py is a link to itself: the copy out of the container fails in its own way.
#
# Scores: no_file
rm model.py && ln -s model.py model.py
