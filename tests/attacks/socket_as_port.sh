# model.py is a socket.
#
# Scores: no_file
rm model.py && python -c 'import socket; socket.socket(socket.AF_UNIX).bind("model.py")'
