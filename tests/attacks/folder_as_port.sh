# model.py is a folder.
#
# Scores: no_file
rm model.py && mkdir model.py && touch model.py/__init__.py
