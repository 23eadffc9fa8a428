# Written from --help by tests/completions.rs.
complete -c count-ip -s n -l threshold -x -d 'Print an address when it reaches N events, then begin again at 0'
complete -c count-ip -s w -l within -x -d 'Only events this close together count, such as 90, 10m or 1h30m'
complete -c count-ip -l top -x -d 'Of the totals, only the K largest'
complete -c count-ip -l state -d 'Remember between runs'
complete -c count-ip -l state-file -r -F -d 'Remember in this file; implies --state'
complete -c count-ip -s h -l help -d 'Print help (see a summary with \'-h\')'
complete -c count-ip -s V -l version -d 'Print version'
