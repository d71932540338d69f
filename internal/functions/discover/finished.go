package discover

import "sync"

// finishedKeys computes the checkpoint of a scan whose chunks finish in any order:
// the last key up to which all chunks are finished.
type finishedKeys struct {
	mu       sync.Mutex
	first    int // number of the chunk of ends[0]
	ends     []string
	finished map[int]bool // by chunk number
}

// start adds the next chunk, whose last key is end; finish marks it as finished.
func (f *finishedKeys) start(end string) (finish func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ends = append(f.ends, end)
	number := f.first + len(f.ends) - 1
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.finished == nil {
			f.finished = map[int]bool{}
		}
		f.finished[number] = true
		// The last finished chunk is kept: its end is the checkpoint.
		for len(f.ends) > 1 && f.finished[f.first] && f.finished[f.first+1] {
			delete(f.finished, f.first)
			f.ends = f.ends[1:]
			f.first++
		}
	}
}

// key is the checkpoint, and "" before the first chunk is finished.
func (f *finishedKeys) key() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ends) == 0 || !f.finished[f.first] {
		return ""
	}
	return f.ends[0]
}
