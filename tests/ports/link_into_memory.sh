# model.py is a link into /dev/shm, which nobody outside the container can read.
folder=$(mktemp -d /dev/shm/port.XXXXXX)
mv model.py "$folder/port.py"
ln -s "$folder/port.py" model.py
