package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	authorityFile   = "ca.pem"
	certificateFile = "server.pem"
	privateFile     = "server-key.pem"

	// trialTime is how long certificates are good for. They are for trying.
	trialTime = 365 * 24 * time.Hour
	// clockSkew is by how much the clock of another machine may be behind.
	clockSkew = time.Hour
	// serialBits make a serial number that nobody else has.
	serialBits = 128
)

// MakeCertificates makes in dir an authority, ca.pem, and a certificate by it for servers at
// hosts and on this machine, server.pem with server-key.pem: good for a year, for servers and
// for what they are to each other. The authority's own key is kept nowhere, so it signs no
// more. What is there stays, if all of it is; made are the names of the files that were not.
func MakeCertificates(dir string, hosts []string) (made []string, err error) {
	names := []string{authorityFile, certificateFile, privateFile}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return !errors.Is(err, fs.ErrNotExist)
	})
	switch len(missing) {
	case 0:
		return nil, nil
	case len(names):
	default:
		return nil, fmt.Errorf("in %s there is no %v, and the rest is there: remove that, to have all of them made, or give the missing", dir, missing)
	}
	contents, err := certificates(hosts, time.Now())
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	for i, mode := range []fs.FileMode{publicMode, publicMode, secretMode} {
		if err := create(filepath.Join(dir, names[i]), contents[i], mode); err != nil {
			return made, err
		}
		made = append(made, names[i])
	}
	return made, nil
}

// certificates are the contents of the three files, in PEM.
func certificates(hosts []string, now time.Time) ([][]byte, error) {
	authority, err := template("Drainline trial CA", now)
	if err != nil {
		return nil, err
	}
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	leaf, err := template("Drainline trial", now)
	if err != nil {
		return nil, err
	}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	// A server is a client of the other servers.
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range append([]string{"localhost", "127.0.0.1", "::1"}, hosts...) {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, signer.Public(), signer)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	certificate, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), signer)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	return [][]byte{block("CERTIFICATE", root), block("CERTIFICATE", certificate), block("PRIVATE KEY", private)}, nil
}

func template(name string, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(trialTime),
	}, nil
}

func block(kind string, content []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
}
