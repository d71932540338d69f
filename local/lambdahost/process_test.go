package lambdahost

import (
	"os"
	"testing"
)

func TestProcessesAreReusedUntilTheFunctionChanges(t *testing.T) {
	h, c := newHost(t, Options{})
	_, first := invoke(t, h, `{}`)
	_, second := invoke(t, h, `{}`)
	if first.PID != second.PID {
		t.Errorf("processes %d and %d, want the same", first.PID, second.PID)
	}
	c.change(func(f *function) { f.Environment["COLOUR"] = "red" })
	_, third := invoke(t, h, `{"name":"COLOUR"}`)
	if third.PID == first.PID || third.Value != "red" {
		t.Errorf("after the change: process %d (before %d) has %q, want a new one with red", third.PID, first.PID, third.Value)
	}
}

func TestSetenvReachesRunningFunctions(t *testing.T) {
	h, _ := newHost(t, Options{})
	if _, r := invoke(t, h, `{"name":"ENDPOINT"}`); r.Value != "" {
		t.Errorf("before Setenv, ENDPOINT is %q", r.Value)
	}
	h.Setenv("ENDPOINT", "http://127.0.0.1:1")
	h.Setenv("COLOUR", "blue")
	if _, r := invoke(t, h, `{"name":"ENDPOINT"}`); r.Value != "http://127.0.0.1:1" {
		t.Errorf("after Setenv, ENDPOINT is %q", r.Value)
	}
	if _, r := invoke(t, h, `{"name":"COLOUR"}`); r.Value != "green" {
		t.Errorf("COLOUR is %q; that of the function is green", r.Value)
	}
}

func TestPeakMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the peak memory of a process is measured on Linux only")
	}
	h, _ := newHost(t, Options{})
	invoke(t, h, `{}`)
	if mb := h.Stats()["f"].PeakMemoryMB; mb < 2 || mb > 500 {
		t.Errorf("peak memory %d MB", mb)
	}
}
