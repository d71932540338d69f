package lambdahost

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"
)

// logFile is the log of one function, shared by its processes.
type logFile struct {
	mu sync.Mutex
	f  *os.File
}

func openLog(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lambda host: log: %w", err)
	}
	return &logFile{f: f}, nil
}

// printf writes a line of the host with a time, as in CloudWatch Logs.
func (l *logFile) printf(format string, args ...any) {
	l.write(fmt.Appendf(nil, format+"\n", args...))
}

func (l *logFile) write(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A log that cannot be written must not fail the function.
	_, _ = fmt.Fprintf(l.f, "%s %s", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), line)
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}

// lineWriter writes the output of a process to the log line by line, so that the
// lines of several processes do not mix.
type lineWriter struct {
	log  *logFile
	tail *tail
	mu   sync.Mutex
	part []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, b...)
	for {
		i := bytes.IndexByte(w.part, '\n')
		if i < 0 {
			return len(b), nil
		}
		w.log.write(w.part[:i+1])
		w.tail.add(w.part[:i+1])
		w.part = w.part[i+1:]
	}
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.part) > 0 {
		w.log.write(append(w.part, '\n'))
		w.part = nil
	}
}
