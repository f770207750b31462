# model.py is no Python.
#
# Scores: crashed
echo 'def forward(' > model.py
