package archive

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
)

// tarBlock is the block size of tar; two blocks of zeros end an archive.
const tarBlock = 512

// Types of members that archive/tar has no names for, and which are not files.
const (
	typeDumpDir         = 'D' // GNU: a directory of an incremental archive, with its listing
	typeSolarisExtended = 'X' // Solaris: an extended header
	typeSolarisACL      = 'A' // Solaris: the access control list of the next member
)

// emptyTarLen is the size of the empty archive that GNU tar writes: a record of
// twenty blocks of zeros.
const emptyTarLen = 20 * tarBlock

// isEmptyTar reports whether all of in is the end of an archive, two to twenty blocks
// of zeros. More zeros are a damaged file.
func isEmptyTar(in *input) bool {
	head, err := in.Peek(emptyTarLen + 1)
	return isEOF(err) && len(head) >= 2*tarBlock && len(head)%tarBlock == 0 && len(bytes.Trim(head, "\x00")) == 0
}

// tar reads one or several concatenated tars. Reading to the end of the stream
// also verifies the checksum of a compression around it.
func (w *walker) tar(at location, in *input, depth int) error {
	for {
		whole, err := w.oneTar(at, in, depth)
		if err != nil || !whole {
			return err
		}
		err = skipZeros(in)
		if isEOF(err) {
			return nil
		}
		if err != nil {
			return w.report(at, err)
		}
		if head, err := in.Peek(headLen); !isTar(head) {
			if err != nil && !isEOF(err) {
				return w.report(at, err)
			}
			return w.damaged(at, damagef(Corrupt, "tar: its end is followed by bytes that are neither zeros nor another tar"))
		}
	}
}

// oneTar reads one tar, and reports whether it reached its end.
func (w *walker) oneTar(at location, in *input, depth int) (whole bool, err error) {
	zeros := &zeroCounter{r: in}
	tr := tar.NewReader(zeros)
	for {
		hdr, err := tr.Next()
		switch {
		// archive/tar treats an end of the stream at a block boundary as the end of
		// the archive, so that a truncated archive would be treated as complete.
		case isEOF(err) && zeros.n < tarBlock:
			return false, w.damaged(at, damagef(Truncated, "tar: no end-of-archive marker: members may be missing"))
		case isEOF(err):
			return true, nil
		case err != nil && in.from.failure() != nil:
			return false, w.report(at, in.from.failure())
		case err != nil:
			return false, w.damaged(at, decoderDamage("tar", err))
		}
		if err := w.member(at); err != nil {
			return false, err
		}
		if whole, err := w.tarMember(at, in, tr, hdr, depth); err != nil || !whole {
			return false, err
		}
	}
}

// tarMember reads the member whose header is hdr, and reports whether the next
// member can be read.
func (w *walker) tarMember(at location, in *input, tr *tar.Reader, hdr *tar.Header, depth int) (more bool, err error) {
	at = at.member(displayName([]byte(hdr.Name)))
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		if ignored(hdr.Name) || hdr.Size == 0 && strings.HasSuffix(hdr.Name, "/") {
			return true, nil
		}
	case tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader,
		typeDumpDir, typeSolarisExtended, typeSolarisACL:
		return true, nil
	default:
		if hdr.Size == 0 {
			return true, nil
		}
		return true, w.damaged(at, unsupported("tar: member of type %q", hdr.Typeflag))
	}
	member := &stage{w: w, r: tr, below: in.from, what: "tar", depth: depth, inside: true}
	data := newInput(member)
	err = w.content(at, data, depth)
	data.release()
	if err != nil || member.failure() == nil {
		return true, err
	}
	return false, w.report(at, member.failure())
}

// skipZeros reads zeros until another byte comes, or an error.
func skipZeros(in *input) error {
	for {
		c, err := in.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			return in.UnreadByte()
		}
	}
}

// zeroCounter counts the zeros at the end of what was read.
type zeroCounter struct {
	r io.Reader
	n int
}

func (z *zeroCounter) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	i := n
	for i > 0 && p[i-1] == 0 {
		i--
	}
	if i > 0 {
		z.n = 0
	}
	z.n += n - i
	return n, err
}
