package local

import "syscall"

// processAttributes put a child into a process group of its own, so that ctrl-C
// reaches this process alone, and end it with this one.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killProcessGroup ends a child and what it has started.
func killProcessGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may have ended meanwhile
}
