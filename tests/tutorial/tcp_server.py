import socket
import sys
import threading


def serve(sock, addr):
    sock.send(b'Welcome!')
    while True:
        data = sock.recv(1024)
        if not data or data.decode('utf-8') == 'exit':
            break
        sock.send(('Hello, %s!' % data.decode('utf-8')).encode('utf-8'))
    sock.close()


s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(5)
print(s.getsockname()[1], flush=True)
while True:
    sock, addr = s.accept()
    threading.Thread(target=serve, args=(sock, addr)).start()
