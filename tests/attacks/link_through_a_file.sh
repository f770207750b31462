# model.py is a link through a file as if that were a folder.
#
# Scores: no_file
ln -sf port.py/model.py model.py
