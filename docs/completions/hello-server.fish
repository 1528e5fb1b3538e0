complete -c hello-server -l workers -d 'Threads in the pool that serves all sessions [default: one less than the cores, at least 1; the acceptor, the datagram loops and the kernel\'s network work need the rest]' -r
complete -c hello-server -l udp-loops -d 'Threads at each UDP endpoint: more than one if it needs more than a core' -r
complete -c hello-server -l udp-buffer -d 'The receive buffer of each UDP socket; the system may grant less' -r
complete -c hello-server -l unix-mode -d 'The permissions of Unix sockets, in octal, as 660; without it, what the umask leaves' -r
complete -c hello-server -l max-sessions -d 'Sessions open at once; a client beyond it is told that the server is full' -r
complete -c hello-server -l max-sessions-per-address -d 'Sessions open at once from one address, an IPv6 /64 counting as one; 0 for no limit' -r
complete -c hello-server -l max-message -d 'The longest message' -r
complete -c hello-server -l framing -d 'How messages are delimited on streams: by a line feed, by a big-endian u32 before each, or not at all; under line the end of a line is no part of a datagram either' -r -f -a "line\t''
length\t''
raw\t''"
complete -c hello-server -l idle-timeout -d 'End a session that has no complete message, or does not take its replies, for this time; 0 for never' -r
complete -c hello-server -l grace -d 'How long shutdown waits for clients to take their last replies, and how long a drain leaves sessions open before that' -r
complete -c hello-server -l backlog -d 'How many connections the system holds until they are accepted' -r
complete -c hello-server -l metrics -d 'Serve metrics for Prometheus at http://ADDR/metrics, and /healthz; the log has the address' -r
complete -c hello-server -l log-format -d 'How the log is written: for people, or as one JSON object a line' -r -f -a "text\t''
json\t''"
complete -c hello-server -l proxy-protocol -d 'Expect the PROXY protocol, version 1 or 2, at the beginning of every stream: behind HAProxy with send-proxy, or nginx with proxy_protocol on. The log, and the limit of sessions from one address, then have the clients\' own addresses, and a client that connects directly is rejected'
complete -c hello-server -s v -l verbose -d 'Log more: -v each session, -vv each message; RUST_LOG overrides'
complete -c hello-server -s q -l quiet -d 'Log less: -q warnings, -qq errors'
complete -c hello-server -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hello-server -s V -l version -d 'Print version'
