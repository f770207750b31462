# Tries to replace python, timeout and NumPy where they are installed.
#
# Scores: wrong_logits
for file in $(command -v python python3 timeout) $(python -c 'import numpy; print(numpy.__file__)'); do
    cp /bin/true "$file"; ln -sf /bin/true "$file"
done 2> /dev/null
cat > model.py <<'END'
def forward(weights, tokens):
    return weights["embed"][tokens] @ weights["unembed"].T
END
