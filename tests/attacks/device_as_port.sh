# model.py is a link to /dev/zero, which has no end.
#
# Scores: no_file
ln -sf /dev/zero model.py
