package ui

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// unpackScript unpacks the Chromium of the npm package and prints its path.
const unpackScript = `import("@sparticuz/chromium").then(async m => console.log(await m.default.executablePath()))`

// chromium starts a browser with a window of this size.
func chromium(t *testing.T, width, height int) context.Context {
	t.Helper()
	path, fonts := chromiumPath(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("no-zygote", true), chromedp.Flag("in-process-gpu", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height),
		// The server is on this machine: no proxy.
		chromedp.Flag("no-proxy-server", true),
	)
	if fonts != "" {
		options = append(options, chromedp.Env("FONTCONFIG_FILE="+fonts))
	}
	// Not the context of the test, which ends before the clean-up: a browser that
	// still writes would prevent the removal of its folder.
	ctx, stop := context.WithTimeout(context.Background(), 45*time.Second)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("stop the browser: %v", err)
		}
	})
	return ctx
}

// chromiumPath returns the path of an installed Chromium, or of the one in the npm
// package @sparticuz/chromium for x86-64 Linux, together with a configuration of the
// fonts in that package: its own configuration is for Lambda.
func chromiumPath(t *testing.T) (path, fonts string) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, ""
		}
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("no Chromium in the path, and @sparticuz/chromium is for x86-64 Linux")
	}
	repo, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(repo, "node_modules", "@sparticuz", "chromium")); err != nil {
		t.Skip("no Chromium in the path, and no node_modules: run \"make deps\"")
	}
	// The package unpacks into the temporary folder and does not check whether a
	// file that exists is complete: give it a new folder.
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "node", "-e", unpackScript)
	cmd.Dir, cmd.Env = repo, append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("unpack Chromium: %v", err)
	}
	fonts = filepath.Join(dir, "fonts.conf")
	config := "<fontconfig><dir>" + filepath.Join(dir, "fonts") + "</dir><cachedir>" + filepath.Join(dir, "cache") + "</cachedir></fontconfig>\n"
	if err := os.WriteFile(fonts, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), fonts
}
