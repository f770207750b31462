# Nobody may read model.py.
#
# Scores: crashed
chmod 000 model.py
