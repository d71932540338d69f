package landing

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func TestBufferReadsWhatWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var pool chunkPool
	for _, size := range []int{0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3*chunkBytes + 17} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(random.Uint32())
		}
		c := partBuffer{pool: &pool}
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(chunkBytes*2))
			if written, err := c.Write(rest[:n]); written != n || err != nil {
				t.Fatalf("Write = %d, %v", written, err)
			}
			rest = rest[n:]
		}
		if c.total != int64(size) {
			t.Errorf("%d bytes of %d", c.total, size)
		}
		for range 2 { // each reader begins at the start
			if err := iotest.TestReader(c.reader(), want); size < chunkBytes && err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(c.reader()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("size %d: %d bytes were read, or different ones, error %v", size, len(got), err)
			}
		}
		rest := c.reader()
		if _, err := rest.Seek(int64(size/2), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		var copied bytes.Buffer
		if n, err := io.Copy(&copied, rest); n != int64(size-size/2) || err != nil || !bytes.Equal(copied.Bytes(), want[size/2:]) {
			t.Errorf("size %d: %d bytes were copied from the middle on, or different ones, error %v", size, n, err)
		}
		end, err := c.reader().Seek(0, io.SeekEnd)
		if end != int64(size) || err != nil {
			t.Errorf("Seek to the end = %d, %v", end, err)
		}
		if _, err := c.reader().Seek(-1, io.SeekStart); err == nil {
			t.Error("a seek before the start does not fail")
		}
		used := len(c.list)
		c.release()
		if c.total != 0 || len(pool.free) < used {
			t.Errorf("after release: %d bytes, %d of %d chunks free", c.total, len(pool.free), used)
		}
	}
	if len(pool.free) != 4 {
		t.Errorf("%d chunks were allocated, 4 are enough", len(pool.free))
	}
}
