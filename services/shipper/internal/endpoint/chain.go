package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"time"
)

// renewal is how long before its end a certificate is worth a warning.
const renewal = 21 * 24 * time.Hour

// trace takes note of handshakes.
func (h *handshake) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.begun = true
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.state, h.err = state, err
		},
	}
}

// tls says how the handshake was, and reports whether there is a connection.
func (x *examiner) tls(o *outcome) bool {
	if x.target.event.Scheme != "https" {
		return true
	}
	h := &x.handshake
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.begun:
		x.fail("tls", fmt.Sprintf("no connection: %v", o.err), x.unansweredFix(o.err))
		return false
	case h.err != nil:
		x.fail("tls", h.err.Error(), chainFix(h.err))
		return false
	case o.status == 0 && isAlert(o.err): // with TLS 1.3 a client's certificate is refused after the handshake
		x.fail("tls", o.err.Error(), chainFix(o.err))
		return false
	}
	x.chain(h.state)
	return true
}

// chain says how long the certificates are good, theirs and ours.
func (x *examiner) chain(state tls.ConnectionState) {
	if len(state.PeerCertificates) == 0 {
		return
	}
	leaf, end := state.PeerCertificates[0], state.PeerCertificates[0]
	for _, c := range state.PeerCertificates {
		if c.NotAfter.Before(end.NotAfter) {
			end = c
		}
	}
	whose := "renew the certificate of the destination"
	for _, own := range x.client.transports.tls.Certificates {
		if own.Leaf != nil && own.Leaf.NotAfter.Before(end.NotAfter) {
			end, whose = own.Leaf, "renew the certificate in the destination's tls.cert_file"
		}
	}
	found := bounded(fmt.Sprintf("%s, %q issued by %q, good until %s", tls.VersionName(state.Version),
		leaf.Subject.String(), leaf.Issuer.String(), end.NotAfter.UTC().Format(time.DateOnly)))
	switch left := end.NotAfter.Sub(x.client.now()); {
	case left < 0: // only where nothing is verified
		x.warn("tls", found+", which is over", whose)
	case left < renewal:
		x.warn("tls", fmt.Sprintf("%s, in %d days", found, int(left.Hours())/24), whose)
	case x.client.transports.tls.InsecureSkipVerify:
		x.warn("tls", found+", not verified", "set the destination's tls.ca_file and take away tls.insecure_skip_verify: anybody between could read the logs")
	default:
		x.good("tls", found)
	}
}

func isAlert(err error) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error"
}

// chainFix is what to do about a handshake that has failed.
func chainFix(err error) string {
	unverified, _ := errors.AsType[*tls.CertificateVerificationError](err)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if unverified != nil && len(unverified.UnverifiedCertificates) == 1 && !selfSigned(unverified.UnverifiedCertificates[0]) {
			return "have the server send its whole chain, or set the destination's tls.ca_file to the authority that issued its certificate"
		}
		return "set the destination's tls.ca_file to the authority that issued the certificate"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "use a name of the certificate in the destination's urls, or set its tls.server_name to one"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "renew the certificate of the destination, or set this machine's clock if that is wrong"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "write http:// in the destination's urls, or name a port that speaks TLS: this one does not"
	}
	if isAlert(err) {
		return "set the destination's tls.cert_file and tls.key_file to what the server wants, and see that both speak TLS 1.2 or 1.3"
	}
	return "check the destination's tls"
}

func selfSigned(c *x509.Certificate) bool { return string(c.RawSubject) == string(c.RawIssuer) }
