package lambdahost

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// logger writes the messages of the host itself, one line each.
type logger struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *logger) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.w, time.Now().UTC().Format("15:04:05.000")+" lambda host: "+format+"\n", args...)
}

// closeQuietly closes c where an error has no consequence.
func closeQuietly(c io.Closer) { _ = c.Close() }
