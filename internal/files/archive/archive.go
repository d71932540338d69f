// Package archive reads one source object and returns its entries: the files that
// it contains after decompressing and unpacking every layer around them. It
// streams: its memory is bounded (about 24 MiB, and up to 64 MiB more for
// the dictionaries of xz) whatever the size of the object.
//
// Formats are recognised by content, never by name:
//
//   - gzip (concatenated members, zero padding after the last), zstd
//     (concatenated and skippable frames), bzip2 (concatenated streams),
//     framed snappy and S2, xz (concatenated streams, dictionaries up to 64 MiB),
//     lz4 (concatenated and skippable frames);
//   - zip, by ranged reads, starting with its central directory, with Zip64;
//     stored, deflated, bzip2 and zstd members;
//   - tar (v7, ustar, PAX, GNU; several one after another);
//   - any of these inside another, up to feed.Limits.MaxDepth layers.
//
// 7z, rar, lz4's legacy frame, lzip, lzop and compress (.Z) are recognised and reported as
// unsupported. Anything else is plain content, also Brotli, because it has no
// magic number.
//
// An incomplete file is reported as truncated, with one exception: gzip, zstd,
// bzip2, xz and lz4 files may be concatenated, and framed snappy has no end marker, so that a
// missing last member, frame, stream or chunk cannot be detected.
//
// Directories, links, devices, anything under __MACOSX/, .DS_Store and
// AppleDouble files (._name) are skipped: they are not entries. A hard link in a
// tar is another name of an earlier entry.
//
// A zip inside another archive has no random access: it is copied to memory (up to
// 2 MiB) or to an unlinked temporary file (up to 384 MiB for all that are open at
// once, because a Lambda function has 512 MB of temporary storage by default). A
// larger one is reported as damage with reason LimitNestedZip.
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

// Object is a source object. Walk returns its errors, other than io.EOF, unchanged:
// they mean that reading failed, not that the data is damaged.
type Object interface {
	// ReaderAt is used for zip only, by two goroutines at once. A read within Size
	// that returns fewer bytes is a failure of the source.
	io.ReaderAt
	// Size is the exact length in bytes. A stream that ends before it is a
	// failure of the source.
	Size() int64
	// Open streams the object from its first byte. It is called once, also for a
	// zip, whose stream is closed after its first bytes. Open and the reads of the
	// stream must end when ctx does.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// Entry is one file of a source object.
type Entry struct {
	// Index counts from 0 in the order of the archive (of its central directory for
	// a zip). It is the same each time an object is read. Skipped members have no
	// index, damaged ones have.
	Index int
	// Path is the object's base name where it is not an archive, "a/b.json" in an
	// archive, "outer.tar!inner/x.json" in a nested one. It is for display: valid
	// UTF-8 without control characters (other bytes are escaped as \xNN), of
	// bounded length, not necessarily unique.
	Path string
}

// Visitor receives the entries of an object, one at a time.
type Visitor interface {
	// Entry is called for each entry, with its decompressed bytes. Errors of r,
	// other than io.EOF, are a *Damage (permanent: the data is damaged) or the
	// source's own error (transient), which Entry must return. Bytes read before a
	// *Damage may be wrong, because a checksum is verified at the end. r must not be
	// used after Entry has returned.
	//
	// If Entry returns nil, Walk continues with the next entry, whether or not r was
	// read to its end. If it returns an error, Walk returns that error at once.
	Entry(e Entry, r io.Reader) error
	// Damaged is called for damage outside an entry that can be read: encrypted or
	// unsupported members, an invalid directory, a truncated archive, too many
	// entries. d.Entry is the member or, if the archive itself is damaged, the
	// archive. If Damaged returns an error, Walk returns that error at once.
	Damaged(d *Damage) error
}

// Walk calls v for every entry of obj. The last element of name, a key or path, is
// used in the paths of entries only. Walk returns nil after v has received
// everything that the object contains, be it readable or damaged; or the error of
// v, of ctx, or of reading obj.
//
// Damage in one member of a zip leaves the others readable. What follows damage in
// a stream (such as gzip or tar) cannot be read; it is reported once. After
// LimitEntries and LimitRatio Walk stops, because the object may be a
// decompression bomb. Zero fields of limits mean their defaults.
func Walk(ctx context.Context, name string, obj Object, limits feed.Limits, v Visitor) error {
	w := &walker{
		ctx:    ctx,
		limits: feed.Spec{Limits: limits}.WithDefaults().Limits,
		v:      v,
		obj:    obj,
		ahead:  runtime.GOMAXPROCS(0) > 1,
	}
	err := w.object(location{path: displayName([]byte(path.Base(name))), root: true}, obj)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// errStop ends Walk after a limit that makes the whole object suspicious.
var errStop = errors.New("archive: stop")

type walker struct {
	ctx    context.Context
	limits feed.Limits
	v      Visitor
	obj    Object
	ahead  bool // decompress in a separate goroutine

	members int // of all archives, skipped ones included
	index   int // of the next entry
	// reported is the last damage that the visitor has received.
	reported *Damage

	meter  meter
	memory int // used by open layers, in bytes
	// dictionaries is the memory of the xz dictionaries of open layers, in bytes.
	dictionaries int
	nestedBytes  int64 // in the temporary files of open nested zips
}

// location is where in the object a stream is.
type location struct {
	path string
	root bool // the object itself, through any compression of it
	fork bool // its name is that of an AppleDouble file, which macOS adds to archives
}

// member is the location of a member of the archive at l.
func (l location) member(name string) location {
	m := location{path: name, fork: strings.HasPrefix(path.Base(name), "._")}
	if !l.root {
		m.path = l.path + "!" + name
	}
	return m
}

func (w *walker) object(at location, obj Object) error {
	body, err := obj.Open(w.ctx)
	if err != nil {
		return err
	}
	src := &stage{w: w, r: &source{r: body, size: obj.Size()}, consumes: true}
	in := newInput(src)
	head, _ := in.Peek(headLen) // src stores an error of the source
	isZip := formatOf(head) == formatZip
	if !isZip {
		err = w.content(at, in, 0)
	}
	in.release()
	_ = body.Close() // it was only read
	if !isZip {
		return err
	}
	if src.failure() != nil {
		return src.failure()
	}
	w.meter.in = 0 // the first bytes are read again
	return w.zip(at, zipSource{ReaderAt: obj, size: obj.Size(), object: true}, 1)
}

// content reads in, which is inside depth layers.
func (w *walker) content(at location, in *input, depth int) error {
	head, _ := in.Peek(headLen) // in.from stores a failure
	if err := in.from.transient(); err != nil {
		return err
	}
	f := formatOf(head)
	if f == formatPlain && len(head) == headLen && head[0] == 0 && isEmptyTar(in) {
		f = formatTar
	}
	if f == formatAppleDouble && at.fork {
		return nil
	}
	if f == formatPlain || f == formatAppleDouble {
		var object Object
		if depth == 0 {
			object = w.obj
		}
		return w.entry(at, in, object)
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

// decompress reads compressed content.
func (w *walker) decompress(at location, in *input, f format, depth int) error {
	c := codecs[f]
	release, err := w.reserve(c.memory)
	if err != nil {
		return w.damaged(at, damagef(LimitMemory, "%s: %v", f.name(), err))
	}
	defer release()
	if f == formatXZ {
		release, err := w.reserveDictionary(in.Reader)
		if err != nil {
			return w.damaged(at, damagef(LimitMemory, "xz: %v", err))
		}
		defer release()
	}
	dec, done := c.open(in.Reader)
	defer done()
	out := newInput(&stage{w: w, r: dec, below: in.from, what: f.name(), depth: depth})
	defer out.release()
	return w.content(at, out, depth)
}

// entry calls the visitor with plain content, which may be the object itself.
func (w *walker) entry(at location, in *input, object Object) error {
	r := &entryReader{w: w, in: in, entry: w.next(at), object: object}
	err := w.v.Entry(r.entry, r)
	r.close()
	if err != nil {
		return err
	}
	if err := in.from.transient(); err != nil {
		return err
	}
	if r.damage != nil {
		w.reported = r.damage
		if r.damage.Reason == LimitRatio {
			return errStop
		}
	}
	return nil
}

// next numbers an entry.
func (w *walker) next(at location) Entry {
	e := Entry{Index: w.index, Path: at.path}
	w.index++
	return e
}

// damaged reports d to the visitor, unless it has received it from an entry's reader.
func (w *walker) damaged(at location, d *Damage) error {
	if d == w.reported {
		return nil
	}
	w.reported = d
	located := *d
	located.Entry = w.next(at)
	if err := w.v.Damaged(&located); err != nil {
		return err
	}
	if d.Reason == LimitRatio || d.Reason == LimitEntries {
		return errStop
	}
	return nil
}

// report reports err to the visitor if it is damage, and else returns it.
func (w *walker) report(at location, err error) error {
	var d *Damage
	if errors.As(err, &d) {
		return w.damaged(at, d)
	}
	return err
}

// member counts a member of the archive at a location.
func (w *walker) member(at location) error {
	if w.members++; w.members > w.limits.MaxEntries {
		return w.damaged(at, damagef(LimitEntries, "more than %d members", w.limits.MaxEntries))
	}
	return w.ctx.Err()
}
