# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hello_client_global_optspecs
    string join \n f/file= s/server= timeout= wait= framing= max-message= 4 6 bind= json v/verbose q/quiet h/help V/version
end

function __fish_hello_client_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hello_client_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hello_client_using_subcommand
    set -l cmd (__fish_hello_client_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hello-client -n "__fish_hello_client_needs_command" -s f -l file -d 'Say the lines of FILE, `-` for standard input' -r -F
complete -c hello-client -n "__fish_hello_client_needs_command" -s s -l server -d 'Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://' -r
complete -c hello-client -n "__fish_hello_client_needs_command" -l timeout -d 'How long connecting may take, and then each reply' -r
complete -c hello-client -n "__fish_hello_client_needs_command" -l wait -d 'Keep trying for this long until the server is there, and answers' -r
complete -c hello-client -n "__fish_hello_client_needs_command" -l framing -d 'Where a message ends; must match the server' -r -f -a "line\t''
length\t''
raw\t''"
complete -c hello-client -n "__fish_hello_client_needs_command" -l max-message -d 'The longest message, from 1 to 65499' -r
complete -c hello-client -n "__fish_hello_client_needs_command" -l bind -d 'Connect from this address of this machine: IP, or IP:PORT' -r
complete -c hello-client -n "__fish_hello_client_needs_command" -s 4 -d 'Use only the IPv4 addresses of a name'
complete -c hello-client -n "__fish_hello_client_needs_command" -s 6 -d 'Use only the IPv6 addresses of a name'
complete -c hello-client -n "__fish_hello_client_needs_command" -l json -d 'Print one JSON object, also on failure, rather than text'
complete -c hello-client -n "__fish_hello_client_needs_command" -s v -l verbose -d 'Log more: which address was reached, and with -vv every try; RUST_LOG overrides'
complete -c hello-client -n "__fish_hello_client_needs_command" -s q -l quiet -d 'Log less; why a run failed is printed all the same'
complete -c hello-client -n "__fish_hello_client_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hello-client -n "__fish_hello_client_needs_command" -s V -l version -d 'Print version'
complete -c hello-client -n "__fish_hello_client_needs_command" -a "check" -d 'Does the path work, and if not, why? A yes or a no for each endpoint'
complete -c hello-client -n "__fish_hello_client_needs_command" -a "say" -d 'One scripted session: the same as no command'
complete -c hello-client -n "__fish_hello_client_needs_command" -a "bench" -d 'Load and latency: how many messages, how fast, how many lost'
complete -c hello-client -n "__fish_hello_client_needs_command" -a "ping" -d 'Round trips one by one, as ping(8) does'
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l tries -d 'How often a datagram is sent that is not answered within --timeout' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l size -d 'The bytes of the message' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l max-loss -d 'Fail with exit code 1 if more than this share of the messages is lost, in percent' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l max-p99 -d 'Fail with exit code 1 if the 99th percentile of the round trips is longer' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l max-errors -d 'Fail with exit code 1 if there are more errors: wrong replies and failed connections' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -s s -l server -d 'Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l timeout -d 'How long connecting may take, and then each reply' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l wait -d 'Keep trying for this long until the server is there, and answers' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l framing -d 'Where a message ends; must match the server' -r -f -a "line\t''
length\t''
raw\t''"
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l max-message -d 'The longest message, from 1 to 65499' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l bind -d 'Connect from this address of this machine: IP, or IP:PORT' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -s 4 -d 'Use only the IPv4 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -s 6 -d 'Use only the IPv6 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -l json -d 'Print one JSON object, also on failure, rather than text'
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -s v -l verbose -d 'Log more: which address was reached, and with -vv every try; RUST_LOG overrides'
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -s q -l quiet -d 'Log less; why a run failed is printed all the same'
complete -c hello-client -n "__fish_hello_client_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s f -l file -d 'Say the lines of FILE, `-` for standard input' -r -F
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s s -l server -d 'Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -l timeout -d 'How long connecting may take, and then each reply' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -l wait -d 'Keep trying for this long until the server is there, and answers' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -l framing -d 'Where a message ends; must match the server' -r -f -a "line\t''
length\t''
raw\t''"
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -l max-message -d 'The longest message, from 1 to 65499' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -l bind -d 'Connect from this address of this machine: IP, or IP:PORT' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s 4 -d 'Use only the IPv4 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s 6 -d 'Use only the IPv6 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -l json -d 'Print one JSON object, also on failure, rather than text'
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s v -l verbose -d 'Log more: which address was reached, and with -vv every try; RUST_LOG overrides'
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s q -l quiet -d 'Log less; why a run failed is printed all the same'
complete -c hello-client -n "__fish_hello_client_using_subcommand say" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s c -l connections -d 'How many connections, or sockets for datagrams' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l pipeline -d 'How many messages in flight on each connection' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s z -l size -d 'The bytes of a message; over udp and unixgram at least 12, for its number' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s d -l duration -d 'How long to measure [default: 10s]' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s n -l messages -d 'How many messages to measure, rather than how long' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l warmup -d 'How long to run before anything is measured' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l rate -d 'Messages a second, over all connections; without it, as fast as replies come' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s t -l threads -d 'How many threads share the connections' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l udp-buffer -d 'The receive buffer of each UDP socket, for bursts of replies; the system may grant less' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s i -l interval -d 'Print what each DURATION brought, when it is over [default of --json and --csv: 1s]' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l csv -d 'Write the intervals to FILE, as CSV, when each is over' -r -F
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l hdr -d 'Write the distribution of round trips to FILE, in us, for the HdrHistogram plotter' -r -F
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l compare -d 'Compare with an earlier bench: FILE is what it printed with --json' -r -F
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l max-slowdown -d 'Fail with exit code 1 if the rate is lower than before, or p50 or p99 are higher, by more than this factor' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l max-loss -d 'Fail with exit code 1 if more than this share of the messages is lost, in percent' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l max-p99 -d 'Fail with exit code 1 if the 99th percentile of the round trips is longer' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l max-errors -d 'Fail with exit code 1 if there are more errors: wrong replies and failed connections' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s s -l server -d 'Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l timeout -d 'How long connecting may take, and then each reply' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l wait -d 'Keep trying for this long until the server is there, and answers' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l framing -d 'Where a message ends; must match the server' -r -f -a "line\t''
length\t''
raw\t''"
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l max-message -d 'The longest message, from 1 to 65499' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l bind -d 'Connect from this address of this machine: IP, or IP:PORT' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l reconnect -d 'Send each message on a session of its own: connect, welcome, message, exit, end of stream'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s 4 -d 'Use only the IPv4 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s 6 -d 'Use only the IPv6 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -l json -d 'Print one JSON object, also on failure, rather than text'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s v -l verbose -d 'Log more: which address was reached, and with -vv every try; RUST_LOG overrides'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s q -l quiet -d 'Log less; why a run failed is printed all the same'
complete -c hello-client -n "__fish_hello_client_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s i -l interval -d 'From one message to the next' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s c -l count -d 'How many messages; without it, for ever' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l size -d 'The bytes of a message; over udp and unixgram at least 12, for its number' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l max-loss -d 'Fail with exit code 1 if more than this share of the messages is lost, in percent' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l max-p99 -d 'Fail with exit code 1 if the 99th percentile of the round trips is longer' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l max-errors -d 'Fail with exit code 1 if there are more errors: wrong replies and failed connections' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s s -l server -d 'Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l timeout -d 'How long connecting may take, and then each reply' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l wait -d 'Keep trying for this long until the server is there, and answers' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l framing -d 'Where a message ends; must match the server' -r -f -a "line\t''
length\t''
raw\t''"
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l max-message -d 'The longest message, from 1 to 65499' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l bind -d 'Connect from this address of this machine: IP, or IP:PORT' -r
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s D -l timestamps -d 'Put the time before each line, in seconds since 1970, as ping(8) does'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l json-lines -d 'Print a JSON object as each event happens, and a summary at the end'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s 4 -d 'Use only the IPv4 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s 6 -d 'Use only the IPv6 addresses of a name'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -l json -d 'Print one JSON object, also on failure, rather than text'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s v -l verbose -d 'Log more: which address was reached, and with -vv every try; RUST_LOG overrides'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s q -l quiet -d 'Log less; why a run failed is printed all the same'
complete -c hello-client -n "__fish_hello_client_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
