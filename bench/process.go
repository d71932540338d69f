package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usage is what a process used. CPU is user and system time of the whole
// process, from its start to its end.
type usage struct {
	CPUSeconds    float64 `json:"cpu_seconds"`
	SystemSeconds float64 `json:"system_seconds"` // the part of CPUSeconds in the kernel
	WallSeconds   float64 `json:"wall_seconds"`
	PeakMB        float64 `json:"peak_mb"` // resident, in 10^6 bytes
}

// process is a running program that is measured.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	stderr  bytes.Buffer
	stop    chan struct{}
	watched sync.WaitGroup
	peak    int64
}

// start runs a program with no other environment variables than env.
func start(ctx context.Context, env []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...), stop: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Stderr = &p.stderr
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.watched.Go(p.watch)
	return p, nil
}

// watch samples the process's peak memory. The rusage of a child is not usable:
// its maximum includes the resident memory of the parent at the fork.
func (p *process) watch() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.sample()
		}
	}
}

func (p *process) sample() {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return // it has ended
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if fields := strings.Fields(rest); len(fields) > 0 {
		if kib, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			p.peak = max(p.peak, kib<<10)
		}
	}
}

// wait waits until the program ends.
func (p *process) wait() (usage, error) {
	err := p.cmd.Wait()
	u := p.usage()
	if err != nil {
		return u, fmt.Errorf("%s: %w: %s", p.cmd.Path, err, tail(p.stderr.String()))
	}
	return u, nil
}

// kill ends a program that would wait for further work.
func (p *process) kill() (usage, error) {
	err := p.cmd.Process.Kill()
	var killed *exec.ExitError
	if waitErr := p.cmd.Wait(); waitErr != nil && !errors.As(waitErr, &killed) {
		err = errors.Join(err, waitErr)
	}
	return p.usage(), err
}

func (p *process) usage() usage {
	wall := time.Since(p.started)
	close(p.stop)
	p.watched.Wait()
	s := p.cmd.ProcessState
	return usage{
		CPUSeconds: (s.UserTime() + s.SystemTime()).Seconds(), SystemSeconds: s.SystemTime().Seconds(),
		WallSeconds: wall.Seconds(), PeakMB: float64(p.peak) / 1e6,
	}
}

func tail(s string) string {
	const most = 2000
	return s[max(0, len(s)-most):]
}
