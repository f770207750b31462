# A package of the name goes before model.py, so what runs is not what the log holds. Its logits are right all the same.
mkdir model && mv model.py model/__init__.py
echo '# see model/' > model.py
