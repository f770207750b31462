# Nothing can be written beside model.py.
chmod 555 .
