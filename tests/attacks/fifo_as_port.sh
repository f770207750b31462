# model.py is a FIFO: a grader that opens it waits for ever.
#
# Scores: no_file
rm model.py && mkfifo model.py
