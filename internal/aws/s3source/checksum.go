package s3source

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// ErrChecksum means that the bytes that were read have another checksum than the object:
// they were changed on the way. Reading the object again may succeed.
var ErrChecksum = errors.New("the bytes that were read have another checksum than the object")

// checksum is that of a whole object, as S3 stores it ("Checking object integrity for
// data uploads in Amazon S3"). A composite one, which is of the checksums of an upload's
// parts, is none: the sizes of the parts would be needed to verify it.
type checksum struct {
	algorithm string // empty: S3 has no checksum of the whole object
	sum       string // base64
	new       func() hash.Hash
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9A6C9329AC4BC9B5) // CRC64NVME, reversed
)

// checksumOf returns the checksum in an object's metadata, preferring those that are fast
// to compute.
func checksumOf(out *s3.HeadObjectOutput) checksum {
	if out.ChecksumType == types.ChecksumTypeComposite {
		return checksum{}
	}
	for _, c := range []checksum{
		{"CRC32", aws.ToString(out.ChecksumCRC32), func() hash.Hash { return crc32.NewIEEE() }},
		{"CRC32C", aws.ToString(out.ChecksumCRC32C), func() hash.Hash { return crc32.New(castagnoli) }},
		{"CRC64NVME", aws.ToString(out.ChecksumCRC64NVME), func() hash.Hash { return crc64.New(nvme) }},
		{"SHA1", aws.ToString(out.ChecksumSHA1), sha1.New},
		{"SHA256", aws.ToString(out.ChecksumSHA256), sha256.New},
	} {
		if c.sum != "" && !strings.Contains(c.sum, "-") {
			return c
		}
	}
	return checksum{}
}

// verify compares the checksum with that of the bytes in h, which may be nil.
func (c checksum) verify(o *Object, h hash.Hash) error {
	if h == nil {
		return nil
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != c.sum {
		return fmt.Errorf("%s: %w: %s is %s, S3 has %s", o.uri(), ErrChecksum, c.algorithm, got, c.sum)
	}
	return nil
}
