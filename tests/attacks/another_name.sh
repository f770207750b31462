# The port is there, under another name.
#
# Scores: no_file
mv model.py Model.py
