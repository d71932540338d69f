//go:build !linux

package local

import "syscall"

// processAttributes put a child into a new process group, so that ctrl-C interrupts
// this process only. local/aws/server.py exits when this process does.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// killProcessGroup kills a child and its descendants.
func killProcessGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may already have exited
}
