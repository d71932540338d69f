package lambdahost

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// processAttributes put a process into a new process group, and kill it when this one exits.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // it may already have exited
}

// runningPeakMB reads the peak resident memory of a running process; zero if it has exited.
func runningPeakMB(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
	var kib int
	if _, err := fmt.Sscanf(string(rest), "%d kB", &kib); !ok || err != nil {
		return 0
	}
	return (kib + 1023) / 1024
}

func exitPeakMB(state *os.ProcessState) int {
	if state == nil {
		return 0
	}
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int((usage.Maxrss + 1023) / 1024) // in KiB on Linux
}
