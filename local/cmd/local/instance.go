package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// instance is a local cloud that runs, as other processes find it.
type instance struct {
	PID int `json:"pid"`
	// Endpoint is the URL of the local AWS, Snowflake that of the local Snowflake,
	// Page that of the page that shows the feeds.
	Endpoint, Snowflake, Page string
	// Dir has the state and the logs.
	Dir string
	// App is the command that synthesizes the app, empty for that of cdk.json.
	App string
}

func (c command) instanceFile() string { return filepath.Join(c.state, "running.json") }

// claim reserves the repository for one local cloud. It fails while another one of
// the same repository runs, because `make local-deploy` could not know which of
// them is meant.
func (c command) claim() (release func() error, err error) {
	running, err := c.findInstance()
	if err == nil {
		return nil, fmt.Errorf("a local cloud of this repository runs already, at %s (process %d): stop it, or use it with `make local-deploy`", running.Endpoint, running.PID)
	}
	if !errors.Is(err, errNotRunning) {
		return nil, err
	}
	own := os.Getpid()
	return func() error {
		if running, err := c.findInstance(); err != nil || running.PID != own {
			return nil // never saved, or another one's
		}
		return os.Remove(c.instanceFile())
	}, nil
}

var errNotRunning = errors.New("no local cloud of this repository is running: start one with `make local` in another terminal")

// findInstance returns the local cloud that runs. The error wraps errNotRunning if
// there is none; a file that a killed process has left does not count.
func (c command) findInstance() (instance, error) {
	var i instance
	content, err := os.ReadFile(c.instanceFile())
	if errors.Is(err, fs.ErrNotExist) {
		return i, errNotRunning
	}
	if err != nil {
		return i, err
	}
	if err := json.Unmarshal(content, &i); err != nil {
		return i, fmt.Errorf("%s: %w: remove the file", c.instanceFile(), err)
	}
	if err := syscall.Kill(i.PID, 0); errors.Is(err, syscall.ESRCH) {
		return i, errNotRunning
	}
	return i, nil
}

func (c command) save(i instance) error {
	content, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.instanceFile(), append(content, '\n'), 0o600)
}
