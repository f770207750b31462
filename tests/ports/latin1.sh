# Another encoding, declared as Python wants it.
printf '# -*- coding: latin-1 -*-\n# \351\n' | cat - model.py > new && mv new model.py
