package inspector

import (
	"io"
	"net"
	"net/http"
	"strings"
)

// guard keeps strangers from reading the logs through a browser: nothing but the
// page's own files may run in it, it may not be framed, and on a loopback address
// it answers only to a loopback name, so that a website whose name resolves to
// 127.0.0.1 (DNS rebinding) gets nothing.
func (i *Inspector) guard(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if i.loopback && !loopbackName(r.Host) {
			http.Error(w, "The inspector listens on a loopback address and answers to localhost only.", http.StatusMisdirectedRequest)
			return
		}
		next(w, r)
	})
}

// loopbackName says whether the Host of a request means this machine.
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func write(w http.ResponseWriter, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	_, _ = io.WriteString(w, body) // a client that is gone needs no answer
}
