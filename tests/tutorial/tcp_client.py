import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect((sys.argv[1], int(sys.argv[2])))
print(s.recv(1024).decode('utf-8'))
for name in [b'Michael', b'Tracy', b'Sarah']:
    s.send(name)
    print(s.recv(1024).decode('utf-8'))
s.send(b'exit')
s.close()
