package local

import "syscall"

// childAttributes put a child into a process group of its own, so that ctrl-C
// reaches this process alone, and end it with this one.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killChild ends a child and what it has started.
func killChild(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may have ended meanwhile
}
