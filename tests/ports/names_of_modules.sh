# Files beside it that are named like modules.
echo '1 / 0' | tee numpy.py pickle.py io.py os.py > sys.py
