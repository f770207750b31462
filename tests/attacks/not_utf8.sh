# A string in the source that is not UTF-8.
#
# Scores: crashed
printf "name = '\351'\n" >> model.py
