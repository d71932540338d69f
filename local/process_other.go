//go:build !linux

package local

import "syscall"

// processAttributes put a child into a process group of its own, so that ctrl-C
// reaches this process alone. The launcher notices itself when this one ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// killProcessGroup ends a child and what it has started.
func killProcessGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may have ended meanwhile
}
