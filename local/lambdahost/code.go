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

// codeStore has the unpacked deployment packages, each in a directory named by its hash.
type codeStore struct {
	dir string
	mu  sync.Mutex
}

func newCodeStore(dir string) *codeStore { return &codeStore{dir: dir} }

// directory returns the directory with the package of f, which it unpacks at first use.
func (s *codeStore) directory(ctx context.Context, c awsClient, f *function) (string, error) {
	if err := checkRunnable(f); err != nil {
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
		return "", fmt.Errorf("function %s: the hash of its package is not CodeSha256 %s", f.Name, f.CodeSHA256)
	}
	// Unpacked to a temporary directory and renamed, so that a directory is complete
	// if it exists.
	temp, err := os.MkdirTemp(s.dir, "unpack-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // after the rename it no longer exists
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

// checkRunnable returns an error for a function that this host cannot run.
func checkRunnable(f *function) error {
	if !strings.HasPrefix(f.Runtime, "provided") {
		return fmt.Errorf("function %s: the Lambda host does not support the runtime %q, only provided.al2023 and provided.al2", f.Name, f.Runtime)
	}
	if architectures[f.Architecture] != runtime.GOARCH {
		return fmt.Errorf("function %s is built for %s, but this machine runs %s only: deploy with `make local-deploy`, which builds the functions for this machine", f.Name, f.Architecture, Architecture())
	}
	return nil
}

// Architecture is Lambda's name for the processor of this machine: x86_64 or arm64.
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
	defer closeQuietly(root)
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
	defer closeQuietly(in)
	out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in) //nolint:gosec // deployment packages of the project are trusted
	return err
}
