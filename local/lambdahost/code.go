package lambdahost

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// architectures translates Lambda's names into Go's.
var architectures = map[string]string{"x86_64": "amd64", "arm64": "arm64"}

// codeStore keeps deployment packages unpacked, each in a folder named by its hash.
type codeStore struct {
	dir string
	mu  sync.Mutex
}

func newCodeStore(dir string) *codeStore { return &codeStore{dir: dir} }

// folder returns the folder that f's package is unpacked in, unpacking it at first use.
func (s *codeStore) folder(ctx context.Context, c cloud, f *function) (string, error) {
	if err := runnable(f); err != nil {
		return "", err
	}
	want, err := base64.StdEncoding.DecodeString(f.CodeSHA256)
	if err != nil || len(want) != sha256.Size {
		return "", fmt.Errorf("function %s: CodeSha256 %q is not a SHA-256", f.Name, f.CodeSHA256)
	}
	dir := filepath.Join(s.dir, hex.EncodeToString(want)[:32])
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := os.Stat(filepath.Join(dir, "bootstrap")); err == nil {
		return dir, nil
	}
	pkg, err := c.code(ctx, f)
	if err != nil {
		return "", err
	}
	if got := sha256.Sum256(pkg); !bytes.Equal(got[:], want) {
		return "", fmt.Errorf("function %s: the package fetched has another hash than CodeSha256 %s", f.Name, f.CodeSHA256)
	}
	// Unpacked beside and renamed, so that a folder is whole or not there.
	temp, err := os.MkdirTemp(s.dir, "unpack-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // it is gone if it was renamed
	if err := unzip(pkg, temp); err != nil {
		return "", fmt.Errorf("function %s: unpack its code: %w", f.Name, err)
	}
	if _, err := os.Stat(filepath.Join(temp, "bootstrap")); err != nil {
		return "", fmt.Errorf("function %s: its package has no file named bootstrap", f.Name)
	}
	if err := os.Rename(temp, dir); err != nil {
		return "", err
	}
	return dir, nil
}

// runnable refuses what this host cannot run.
func runnable(f *function) error {
	if !strings.HasPrefix(f.Runtime, "provided") {
		return fmt.Errorf("function %s: the local run has no runtime %q, only provided.al2023 and provided.al2", f.Name, f.Runtime)
	}
	if architectures[f.Architecture] != runtime.GOARCH {
		return fmt.Errorf("function %s is built for %s, this machine is %s: deploy with -c architecture=%s", f.Name, f.Architecture, runtime.GOARCH, Architecture())
	}
	return nil
}

// Architecture is Lambda's name for this machine's processor.
func Architecture() string {
	for lambda, goarch := range architectures {
		if goarch == runtime.GOARCH {
			return lambda
		}
	}
	return runtime.GOARCH
}

func unzip(pkg []byte, dir string) error {
	r, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer drop(root)
	for _, f := range r.File {
		if err := unzipFile(root, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipFile(root *os.Root, f *zip.File) (err error) {
	name := filepath.FromSlash(f.Name)
	if f.FileInfo().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer drop(in)
	out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in) //nolint:gosec // the package is the project's own
	return err
}
