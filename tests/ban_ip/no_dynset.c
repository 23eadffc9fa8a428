/* Runs a command whose messages name no expression that counts, so that the kernel refuses them as
   one without nft_dynset does (ptrace(2), PTRACE_GET_SYSCALL_INFO). */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
int main(int count, char **words) {
    pid_t child = fork();
    if (!child) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execvp(words[1], words + 1);
        _exit(127);
    }
    int status;
    struct ptrace_syscall_info call;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        int signal = (WSTOPSIG(status) & 0x7f) == SIGTRAP ? 0 : WSTOPSIG(status);
        ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
        call.op = PTRACE_SYSCALL_INFO_NONE;
        ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof call, &call);
        if (call.op == PTRACE_SYSCALL_INFO_ENTRY && call.entry.nr == SYS_sendto) {
            size_t length = call.entry.args[2];
            char *message = malloc(length), *name;
            struct iovec here = {message, length}, there = {(void *)call.entry.args[1], length};
            process_vm_readv(child, &here, 1, &there, 1, 0);
            while ((name = memmem(message, length, "dynset", 7))) name[5] = '?';
            process_vm_writev(child, &here, 1, &there, 1, 0);
            free(message);
        }
        ptrace(PTRACE_SYSCALL, child, 0, signal);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
