package s3source

import "github.com/aws/aws-sdk-go-v2/service/s3"

// ClientOptions configures an S3 client for every endpoint that may be set, also
// one that does not resolve a bucket by its host name.
func ClientOptions(o *s3.Options) {
	o.UsePathStyle = o.BaseEndpoint != nil
	// Objects may have been put without a checksum: the SDK would log a line for each read.
	o.DisableLogOutputChecksumValidationSkipped = true
}
