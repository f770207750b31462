# A NUL in the source.
#
# Scores: crashed
printf '\0' >> model.py
