# Notes, drafts and an old result.
echo 'def forward(' > model_old.py
echo notes > logits.bin
mkdir __pycache__ tmp
cp weights.npz tmp
