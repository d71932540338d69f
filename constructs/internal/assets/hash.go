package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// goVariables are the settings of the go command that change what it compiles.
var goVariables = []string{"GOVERSION", "GOEXPERIMENT", "GOFLAGS", "GOAMD64", "GOARM64", "GOFIPS140"}

// listed is what `go list -json` reports of a package.
type listed struct {
	ImportPath, Dir                                string
	Standard                                       bool
	GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles []string
	Module                                         *struct {
		Path, Version string
		Main          bool
		Replace       *struct{ Path, Version string }
	}
}

// hash returns the hash of everything that the functions are compiled from: the
// version and the settings of Go, the versions of the modules in the module
// cache, which never change, and the files of all other packages.
func (b *Builder) hash(ctx context.Context, goarch string) (string, error) {
	environment, err := b.run(ctx, goarch, append([]string{"env", "-json", "GOMODCACHE"}, goVariables...)...)
	if err != nil {
		return "", err
	}
	var settings map[string]string
	if err := json.Unmarshal(environment, &settings); err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles,Module"}, buildFlags...)
	for _, function := range []string{Unpack, Load, Discover, Export, Snowflake} {
		args = append(args, packageOf(function))
	}
	list, err := b.run(ctx, goarch, args...)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, goarch, buildFlags, linkerFlags)
	for _, name := range goVariables {
		fmt.Fprintln(sum, name, settings[name])
	}
	for decoder := json.NewDecoder(bytes.NewReader(list)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", fmt.Errorf("go list: %w", err)
		}
		if err := p.hash(sum, settings["GOMODCACHE"]); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

func (p listed) hash(sum hash.Hash, moduleCache string) error {
	if p.Standard {
		return nil // by GOVERSION
	}
	fmt.Fprintln(sum, p.ImportPath)
	if m := p.Module; m != nil {
		fmt.Fprintln(sum, m.Path, m.Version)
		if m.Replace != nil {
			fmt.Fprintln(sum, m.Replace.Path, m.Replace.Version)
		}
	}
	if moduleCache != "" && strings.HasPrefix(p.Dir, moduleCache+string(filepath.Separator)) {
		return nil // by the module's version
	}
	for _, files := range [][]string{p.GoFiles, p.SFiles, p.HFiles, p.SysoFiles, p.EmbedFiles} {
		for _, name := range files {
			content, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return fmt.Errorf("source of the functions: %w", err)
			}
			fmt.Fprintln(sum, name, len(content))
			sum.Write(content)
		}
	}
	return nil
}
