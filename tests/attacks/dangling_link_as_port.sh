# model.py is a link to nowhere.
#
# Scores: no_file
ln -sf /nowhere/model.py model.py
