# A folder stands where the result goes.
#
# Scores: crashed
mkdir logits.bin
