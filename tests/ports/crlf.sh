# Line ends of Windows.
sed -i 's/$/\r/' model.py
