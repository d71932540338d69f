package assets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"
)

// buildFlags make a binary that is the same wherever it is built: the CDK names
// an asset by the hash of its files. The Makefile has the same flags.
var buildFlags = []string{
	"-trimpath", "-buildvcs=false",
	"-tags=lambda.norpc,minicore_disabled,nethttpomithttp2",
}

const linkerFlags = "-ldflags=-s -w -buildid="

// keepFor is for how long a binary that nobody uses stays in the cache.
const keepFor = 30 * 24 * time.Hour

// Builder builds functions in a module and keeps the binaries in a cache. The
// sources are read once for each GOARCH: a process synthesizes many feeds.
type Builder struct {
	// Dir is a folder of the module that requires this one; empty for the working
	// directory, which the cdk CLI sets to that of cdk.json.
	Dir string
	// Cache is the folder of the binaries; empty for a folder of the user's cache
	// directory.
	Cache string

	mutex sync.Mutex
	// hashes are those of the sources by GOARCH.
	hashes map[string]string
}

// module is the path of this module, taken from the path of this package.
var module = path.Dir(path.Dir(path.Dir(reflect.TypeFor[Builder]().PkgPath())))

// packageOf is the import path of a function's package.
func packageOf(function string) string { return module + "/lambdas/" + function }

var process Builder

// Build builds the functions for a GOARCH, where they are not in the cache, and
// returns a root for [Folder]. It works in the working directory, with the cache of
// the user.
func Build(goarch string, functions ...string) (root string, err error) {
	return process.Build(context.Background(), goarch, functions...)
}

// Build builds the functions for a GOARCH, where they are not in the cache, and
// returns a root for [Folder].
func (b *Builder) Build(ctx context.Context, goarch string, functions ...string) (root string, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	cache := b.Cache
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to keep the functions' binaries in: %w: set HOME or XDG_CACHE_HOME, or give Assets", err)
		}
		cache = filepath.Join(user, "ingestion", "functions")
	}
	hash, known := b.hashes[goarch]
	if !known {
		if hash, err = b.hash(ctx, goarch); err != nil {
			return "", err
		}
		if b.hashes == nil {
			b.hashes = map[string]string{}
		}
		b.hashes[goarch] = hash
	}
	root = filepath.Join(cache, hash)
	var missing []string
	for _, function := range functions {
		if _, err := os.Stat(binary(root, goarch, function)); err != nil {
			missing = append(missing, function)
		}
	}
	if len(missing) > 0 {
		removeUnused(cache, time.Now().Add(-keepFor))
		fmt.Fprintf(os.Stderr, "building %s for %s\n", strings.Join(missing, ", "), goarch)
		if err := b.build(ctx, root, goarch, missing); err != nil {
			return "", err
		}
	}
	now := time.Now()
	// A read-only cache, such as that of a container image, stays usable.
	_ = os.Chtimes(root, now, now)
	return root, nil
}

// build compiles into a temporary folder and renames each function's folder into
// place, so that a concurrent synthesis sees a whole binary or none.
func (b *Builder) build(ctx context.Context, root, goarch string, functions []string) (err error) {
	if err := os.MkdirAll(filepath.Join(root, goarch), 0o755); err != nil {
		return fmt.Errorf("cache of the functions' binaries: %w", err)
	}
	temp, err := os.MkdirTemp(root, "build-")
	if err != nil {
		return fmt.Errorf("cache of the functions' binaries: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	args := append([]string{"build", linkerFlags, "-o", temp + string(filepath.Separator)}, buildFlags...)
	for _, function := range functions {
		args = append(args, packageOf(function))
	}
	if _, err := b.run(ctx, goarch, args...); err != nil {
		return err
	}
	for _, function := range functions {
		folder := filepath.Join(temp, "folder-"+function)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(temp, function), filepath.Join(folder, "bootstrap")); err != nil {
			return err
		}
		if err := os.Rename(folder, Folder(root, goarch, function)); err != nil {
			// Another process was faster: its binary is the same.
			if _, statErr := os.Stat(binary(root, goarch, function)); statErr != nil {
				return err
			}
		}
	}
	return nil
}

// run runs the go command for Linux on goarch and returns its output.
func (b *Builder) run(ctx context.Context, goarch string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = b.Dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	switch message := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return stdout.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("the functions are built with the go command: %w: install Go (https://go.dev/dl), or give Assets, a folder with their binaries", err)
	case strings.Contains(message, "go get ") || strings.Contains(message, "go mod tidy") || strings.Contains(message, "go.mod file not found"):
		return nil, fmt.Errorf("the functions are built in the module of the app, which must require %s: run \"go mod tidy\" there and start the app in that folder, or give Assets, a folder with their binaries: go %s: %s", module, args[0], message)
	default:
		return nil, fmt.Errorf("the functions cannot be built: correct this, or give Assets, a folder with their binaries: go %s: %w\n%s", args[0], err, message)
	}
}

// removeUnused removes what nobody has used since a time.
func removeUnused(cache string, since time.Time) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.IsDir() && info.ModTime().Before(since) {
			_ = os.RemoveAll(filepath.Join(cache, entry.Name()))
		}
	}
}
