# A UTF-8 byte order mark.
sed -i '1s/^/\xef\xbb\xbf/' model.py
