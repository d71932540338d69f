// Package s3source reads the source objects of feeds from S3: it opens one
// version of an object (Open), reads it by ranges or as a stream that resumes
// after a broken connection, copies it (Copy), lists a bucket (List), and makes
// the client for each source bucket, with the role, the region and the
// requester-pays setting that the source asks for (Clients).
//
// A read never mixes two versions of an object: every request names the ETag,
// and the version ID where the caller has named it. When the version was deleted
// or overwritten, errors wrap ErrNotFound.
//
// Objects are written by package s3write.
package s3source
