package local

import "syscall"

// processAttributes put a child into a new process group, so that ctrl-C interrupts
// this process only, and kill it when this process exits.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killProcessGroup kills a child and its descendants.
func killProcessGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may already have exited
}
