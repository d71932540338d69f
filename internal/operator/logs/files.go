package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Files reads the logs of a local run: a file <function>.log for each function, whose
// lines begin with a time.
type Files struct {
	Dir     string
	offsets map[string]int64 // of the next line, by function
}

// fileTime is the layout of the times in the files.
const fileTime = "2006-01-02T15:04:05.000Z"

// Read implements Reader.
func (l *Files) Read(_ context.Context, f Function, since time.Time, text string) (lines []Line, err error) {
	file, err := os.Open(filepath.Join(l.Dir, f.Name+".log"))
	if errors.Is(err, os.ErrNotExist) {
		if _, dirErr := os.Stat(l.Dir); dirErr != nil {
			return nil, fmt.Errorf("%w: give the folder that `make local` prints", dirErr)
		}
		return nil, nil // the function was not invoked yet
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if l.offsets == nil {
		l.offsets = map[string]int64{}
	}
	if _, err := file.Seek(l.offsets[f.Name], io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReader(file)
	for {
		line, err := r.ReadString('\n')
		if err != nil { // an incomplete line is read by the next call
			if errors.Is(err, io.EOF) {
				return lines, nil
			}
			return lines, err
		}
		l.offsets[f.Name] += int64(len(line))
		stamp, message, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		at, err := time.Parse(fileTime, stamp)
		if err != nil { // a line without a time continues the one before
			at, message = since, strings.TrimSuffix(line, "\n")
			if len(lines) > 0 {
				at = lines[len(lines)-1].Time
			}
		}
		if !at.Before(since) && strings.Contains(message, text) {
			lines = append(lines, Line{Time: at, Function: f.Role, Message: message})
		}
	}
}
