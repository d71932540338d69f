//go:build !linux

package lambdahost

import (
	"os"
	"syscall"
)

// processAttributes put a process into a new process group.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

func killGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may already have exited
}

func runningPeakMB(int) int { return 0 }

func exitPeakMB(*os.ProcessState) int { return 0 }
