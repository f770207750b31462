# A byte in the source that is not UTF-8.
#
# Scores: crashed
printf '# \351\n' >> model.py
