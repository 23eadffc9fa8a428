# Written from --help by tests/completions.rs.
complete -c unban-at -f
complete -c unban-at -l list -d 'Print what is to be lifted, and when'
complete -c unban-at -l due -d 'Lift what is due and print it'
complete -c unban-at -l wait -d 'With --due: go on and lift each ban in time, till none is left'
complete -c unban-at -l json -d 'Print records as JSON objects'
complete -c unban-at -l state-file -r -F -d 'Where the ledger is kept, if not in the usual state'
complete -c unban-at -s h -l help -d 'Print help (see a summary with \'-h\')'
complete -c unban-at -s V -l version -d 'Print version'
