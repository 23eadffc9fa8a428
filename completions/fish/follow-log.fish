# Written from --help by tests/completions.rs.
complete -c follow-log -l from -x -a 'start end resume' -d 'Where to begin; `resume`: where it last stopped, also in the rotated file, or else at the beginning'
complete -c follow-log -l replay -x -d 'With `--from resume`, begin this much earlier, by the lines\' own time stamps, so that windows are whole again; without a position, this long ago'
complete -c follow-log -l state-file -r -F -d 'Keep the position in this file (default: $PIPEBAN_STATE or the usual state)'
complete -c follow-log -l once -d 'Stop at the end; a half-written last line is left for the next time'
complete -c follow-log -l prefix -d 'Write the file\'s name and a TAB before each line'
complete -c follow-log -s h -l help -d 'Print help (see a summary with \'-h\')'
complete -c follow-log -s V -l version -d 'Print version'
