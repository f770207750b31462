# Nobody may read model.py.
#
# Scores: no_file
chmod 000 model.py
