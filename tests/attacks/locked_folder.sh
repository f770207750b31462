# Nobody may enter the working directory.
#
# Scores: crashed
chmod 000 .
