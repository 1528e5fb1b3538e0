import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print(s.getsockname()[1], flush=True)
while True:
    data, addr = s.recvfrom(1024)
    s.sendto(b'Hello, %s!' % data, addr)
