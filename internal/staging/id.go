package staging

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
)

// The prefixes of ids. An id is PREFIX_ and 16 characters a-z2-7 (80 random
// bits), safe in file names, host labels and SQL.
const (
	EnvironmentPrefix = "env"
	DeploymentPrefix  = "dep"
	SnapshotPrefix    = "snap"
	TokenPrefix       = "tok"
)

// NewID makes a random id with that prefix. It never fails: the standard
// library's generator aborts the program rather than return weak bytes.
func NewID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return prefix + "_" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// HasID reports whether s has the form of an id with that prefix.
func HasID(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 16 {
		return false
	}
	return strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
