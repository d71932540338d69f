// Package localcloud tells whether AWS clients of this process, and of what it
// starts, use an AWS on this machine, such as the one of `make local`.
package localcloud

import (
	"net"
	"net/url"
)

// Endpoint returns AWS_ENDPOINT_URL if it is an address of this machine, and an
// empty string otherwise. getenv reads the environment, as os.Getenv does.
func Endpoint(getenv func(string) string) string {
	endpoint := getenv("AWS_ENDPOINT_URL")
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return endpoint
	}
	return ""
}
