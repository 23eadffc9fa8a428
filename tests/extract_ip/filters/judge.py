# fail2ban-regex on many files without a start for each: a line of input is a file, a TAB and a filter; what is found in FILE is
# put into FILE.found. The answer is a line: the exit status, or "late" after so many seconds of computing as the argument says.
import os, signal, sys
from fail2ban.client.fail2banregex import exec_command_line

for job in sys.stdin:
    log, argument = job.rstrip("\n").split("\t")
    # Version 1.1 takes a bare name for that of a jail first, with the jail's options.
    name, bracket, options = argument.partition("[")
    argument = f"/etc/fail2ban/filter.d/{name}.conf{bracket}{options}"
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_VIRTUAL, float(sys.argv[1]))
        sys.stdout = open(log + ".found", "w")
        sys.exit(exec_command_line(["--raw", "--out", "ip", log, argument]))
    status = os.waitpid(child, 0)[1]
    print("late" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)
