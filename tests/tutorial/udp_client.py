import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for name in [b'Michael', b'Tracy', b'Sarah']:
    s.sendto(name, (sys.argv[1], int(sys.argv[2])))
    print(s.recv(1024).decode('utf-8'))
s.close()
