package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (b *bench) program(name string) string { return filepath.Join(b.out, name) }

// functionTags are the build tags of the functions that the Makefile sets.
const functionTags = "lambda.norpc,minicore_disabled,nethttpomithttp2"

// build compiles the functions as the Makefile does.
func (b *bench) build(ctx context.Context) error {
	for _, name := range []string{"unpack", "load"} {
		if err := b.goBuild(ctx, ".", b.program(name), "-tags", functionTags, "./lambdas/"+name); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) goBuild(ctx context.Context, dir, program string, args ...string) error {
	return b.goCommand(ctx, dir, append([]string{
		"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", program,
	}, args...)...)
}

func (b *bench) goCommand(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(b.repo, dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, tail(string(out)))
	}
	return nil
}

// buildBento compiles Bento, which is a module of its own: the first time takes minutes.
func (b *bench) buildBento(ctx context.Context) error {
	b.logf("building Bento")
	return b.goBuild(ctx, "bench/bento", b.program("bento"), ".")
}

// fasthttpModule is required by the load function that buildFasthttp compiles only.
const fasthttpModule = "github.com/valyala/fasthttp@v1.78.0"

// buildFasthttp compiles the load function with bench/fasthttp in place of the
// batch writer's connection pool, and a go.mod that requires fasthttp.
func (b *bench) buildFasthttp(ctx context.Context) error {
	b.logf("building load with fasthttp")
	for _, extension := range []string{"mod", "sum"} {
		content, err := os.ReadFile(filepath.Join(b.repo, "go."+extension))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.dir, "fasthttp."+extension), content, 0o600); err != nil {
			return err
		}
	}
	replaced := filepath.Join(b.repo, "internal", "aws", "batchwrite")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(replaced, "pool.go"):       filepath.Join(b.repo, "bench", "fasthttp", "pool.go"),
		filepath.Join(replaced, "connection.go"): "",
	}})
	if err != nil {
		return err
	}
	overlayFile, modFile := filepath.Join(b.dir, "overlay.json"), filepath.Join(b.dir, "fasthttp.mod")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return err
	}
	if err := b.goCommand(ctx, ".", "get", "-modfile="+modFile, fasthttpModule); err != nil {
		return err
	}
	return b.goBuild(ctx, ".", b.program("load-fasthttp"), "-mod=mod", "-modfile="+modFile, "-overlay="+overlayFile,
		"-tags", functionTags+",fasthttp", "./lambdas/load")
}
