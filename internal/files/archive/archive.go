// Package archive turns one source object into its entries: the files that it
// holds once every compression and archive around them is taken off. It
// streams, and its memory is flat (about 24 MiB) whatever the object's size.
//
// Form is recognised by content, never by name:
//
//   - gzip (concatenated members, zero padding after the last), zstd
//     (concatenated and skippable frames), bzip2 (concatenated streams),
//     framed snappy and S2;
//   - zip, by ranged reads from its central directory on, with Zip64; stored,
//     deflated, bzip2 and zstd members;
//   - tar (v7, ustar, PAX, GNU; several one after another);
//   - any of these in one another, down to feed.Limits.MaxDepth.
//
// xz, 7z, rar, lz4, lzip, lzop and compress (.Z) are recognised and reported as
// unsupported by name. Anything else is plain content. Brotli has no magic
// number, so it counts as plain content too.
//
// A file that is cut is reported as truncated, with one exception: gzip, zstd
// and bzip2 files may be put one after another, and framed snappy has no end
// mark, so nothing tells that a whole member, frame, stream or chunk is missing.
//
// Directories, links, devices, anything under __MACOSX/, .DS_Store and
// AppleDouble files (._name) are not entries and are skipped. A hard link in a
// tar is another name for an entry that was there already.
//
// A zip inside another archive has no random access: it is copied to memory
// (to 2 MiB) or else to an unlinked temporary file (to 384 MiB for all that
// are open at once, because a Lambda function has 512 MB of temporary space by
// default). A larger one is damage with reason LimitNestedZip.
package archive

import (
	"context"
	"errors"
	"io"
	"path"
	"runtime"
	"strings"

	"example.com/ingestion/feed"
)

// Object is a source object as Walk reads it. Its errors, other than io.EOF,
// reach the caller of Walk unchanged: they say that reading failed, not that
// the data is bad.
type Object interface {
	// ReaderAt is used for zip only, and then by two goroutines at once.
	// A read within Size that ends short is a failure of the source.
	io.ReaderAt
	// Size is the exact length in bytes. A stream that ends before it is a
	// failure of the source.
	Size() int64
	// Open streams the object from its first byte. It is called once, also
	// for a zip, whose stream is closed again after its first bytes. It and
	// the reads that follow are expected to end when ctx does.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// Entry is one file of a source object.
type Entry struct {
	// Index counts from 0 in the order of the archive (of its central
	// directory for a zip). The same object gives the same numbers each time.
	// Skipped members have no index, damaged ones do.
	Index int
	// Path is what a user would call it: the object's base name when it is no
	// archive, "a/b.json" in an archive, "outer.tar!inner/x.json" in a nested
	// one. It is for people to read: valid UTF-8 without control characters
	// (others are escaped as \xNN), of bounded length, not necessarily unique.
	Path string
}

// Visitor is told of the entries of an object, one at a time.
type Visitor interface {
	// Entry is called for each entry, with its decompressed bytes. Errors of
	// r, other than io.EOF, are a *Damage (the data is bad, and will be next
	// time) or the source's own error (try again), which Entry must return.
	// Bytes delivered before a *Damage are not vouched for: a checksum is
	// known at the end. r is not to be used after Entry has returned.
	//
	// If Entry returns nil, Walk goes on with what can be read, whether or not
	// r was read to its end. If it returns an error, Walk returns that at once.
	Entry(e Entry, r io.Reader) error
	// Damaged is called for what cannot be offered as an entry: encrypted or
	// unsupported members, a broken directory, an archive that ends early, too
	// many entries. d.Entry names the member or, if the archive itself is
	// damaged, the archive. If it returns an error, Walk returns that at once.
	Damaged(d *Damage) error
}

// Walk offers every entry of obj, whose name (a key or path; only its last
// element is used, and only to name things) is given, to v. It returns nil when
// v has been told of all that the object holds, be it good or damaged; an
// error of v; ctx's error; or the error with which reading obj failed.
//
// Damage in one member of a zip leaves the others readable. What follows
// damage in a stream (gzip, tar and so on) is lost with it, and is not
// reported again. After LimitEntries and LimitRatio Walk stops: the object is
// taken to be hostile. Zero fields of limits mean their defaults.
func Walk(ctx context.Context, name string, obj Object, limits feed.Limits, v Visitor) error {
	w := &walker{
		ctx:    ctx,
		limits: feed.Spec{Limits: limits}.WithDefaults().Limits,
		v:      v,
		ahead:  runtime.GOMAXPROCS(0) > 1,
	}
	err := w.object(place{path: displayName([]byte(path.Base(name))), root: true}, obj)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// errStop ends a walk after a limit that makes the whole object suspect.
var errStop = errors.New("archive: stop")

type walker struct {
	ctx    context.Context
	limits feed.Limits
	v      Visitor
	ahead  bool // decompress in a goroutine of its own

	members int // of all archives, skipped ones included
	index   int // of the next entry
	told    *Damage

	meter  meter
	memory int   // held by open layers, in bytes
	spool  int64 // held by open nested zips, in bytes
}

// place names where in the object a stream is.
type place struct {
	path string
	root bool // the object itself, through any compression of it
	fork bool // by its name a resource fork, as macOS puts beside files
}

// member names a member of the archive at p.
func (p place) member(name string) place {
	m := place{path: name, fork: strings.HasPrefix(path.Base(name), "._")}
	if !p.root {
		m.path = p.path + "!" + name
	}
	return m
}

func (w *walker) object(at place, obj Object) error {
	body, err := obj.Open(w.ctx)
	if err != nil {
		return err
	}
	src := &stage{w: w, r: &source{r: body, size: obj.Size()}, consumes: true}
	in := newInput(src)
	head, _ := in.Peek(sniffLen) // an error of the source is kept by src
	isZip := sniff(head) == formatZip
	if !isZip {
		err = w.content(at, in, 0)
	}
	in.release()
	// Nothing was written: what closing a body that was read (or abandoned)
	// says has no bearing on the bytes that were delivered.
	_ = body.Close()
	if !isZip {
		return err
	}
	if src.failure() != nil {
		return src.failure()
	}
	w.meter.in = 0 // those first bytes are read once more
	return w.zip(at, zipSource{ReaderAt: obj, size: obj.Size(), object: true}, 1)
}

// content reads what is in in, inside depth layers.
func (w *walker) content(at place, in *input, depth int) error {
	head, _ := in.Peek(sniffLen) // a failure stays with in.from
	if err := in.from.transient(); err != nil {
		return err
	}
	f := sniff(head)
	if f == formatAppleDouble && at.fork {
		return nil
	}
	if f == formatPlain || f == formatAppleDouble {
		return w.leaf(at, in)
	}
	if f.unsupported() {
		return w.damaged(at, unsupported("%s is not supported", f.name()))
	}
	if depth >= w.limits.MaxDepth {
		return w.damaged(at, damagef(LimitDepth, "%s inside %d other layers, the limit is %d", f.name(), depth, w.limits.MaxDepth))
	}
	switch f {
	case formatTar:
		return w.tar(at, in, depth+1)
	case formatZip:
		return w.nestedZip(at, in, depth+1)
	default:
		return w.decompress(at, in, f, depth+1)
	}
}

// decompress reads the content of in, which is compressed.
func (w *walker) decompress(at place, in *input, f format, depth int) error {
	c := codecs[f]
	release, err := w.reserve(c.memory)
	if err != nil {
		return w.damaged(at, damagef(LimitDepth, "%s: %v", f.name(), err))
	}
	defer release()
	dec, done := c.open(in.Reader)
	defer done()
	out := newInput(&stage{w: w, r: dec, below: in.from, what: f.name(), depth: depth})
	defer out.release()
	return w.content(at, out, depth)
}

// leaf offers what is in in as an entry.
func (w *walker) leaf(at place, in *input) error {
	r := &leaf{w: w, in: in, entry: w.next(at)}
	err := w.v.Entry(r.entry, r)
	r.close()
	if err != nil {
		return err
	}
	if err := in.from.transient(); err != nil {
		return err
	}
	if r.damage != nil {
		w.told = r.damage
		if r.damage.Reason == LimitRatio {
			return errStop
		}
	}
	return nil
}

// next numbers an entry.
func (w *walker) next(at place) Entry {
	e := Entry{Index: w.index, Path: at.path}
	w.index++
	return e
}

// damaged tells the visitor of d, unless it has seen it in an entry.
func (w *walker) damaged(at place, d *Damage) error {
	if d == w.told {
		return nil
	}
	w.told = d
	told := *d
	told.Entry = w.next(at)
	if err := w.v.Damaged(&told); err != nil {
		return err
	}
	if d.Reason == LimitRatio || d.Reason == LimitEntries {
		return errStop
	}
	return nil
}

// report passes err on: to the visitor if it is damage, else to the caller.
func (w *walker) report(at place, err error) error {
	var d *Damage
	if errors.As(err, &d) {
		return w.damaged(at, d)
	}
	return err
}

// member counts one member of the archive at p.
func (w *walker) member(at place) error {
	if w.members++; w.members > w.limits.MaxEntries {
		return w.damaged(at, damagef(LimitEntries, "more than %d members", w.limits.MaxEntries))
	}
	return w.ctx.Err()
}
