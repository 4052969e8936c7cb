package player

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// connectTimeout bounds DNS, TCP and TLS together.
const connectTimeout = 3 * time.Second

// A target is a drain URL taken apart.
type target struct {
	address string // host:port to dial
	tls     *tls.Config
	head    string // the request's head as far as it never changes
}

// parseTarget takes a drain URL apart as Logplex does.
func parseTarget(raw string) (*target, error) {
	u, err := url.Parse(raw)
	if err != nil { // the error quotes the URL, and with it the password
		return nil, errors.New("url: malformed; it should look like https://user:password@host/path")
	}
	t := new(target)
	port := "80"
	switch u.Scheme {
	case "http":
	case "https":
		port = "443"
		t.tls = &tls.Config{
			ServerName:         u.Hostname(),
			InsecureSkipVerify: true, //nolint:gosec // Logplex opens https drains without verifying them
		}
	default:
		return nil, fmt.Errorf("url: scheme is %q, must be http or https", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("url: no host")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	authorization, err := basic(u.User)
	if err != nil {
		return nil, err
	}
	t.head = "POST " + u.RequestURI() + " HTTP/1.1\r\n" +
		"Host: " + u.Host + "\r\n" + authorization + "Content-Type: application/logplex-1\r\nLogplex-Msg-Count: "
	return t, nil
}

// basic makes the Authorization header. Logplex splits user and password at colons and drops empty parts.
func basic(info *url.Userinfo) (string, error) {
	if info == nil {
		return "", nil
	}
	user := info.Username()
	password, _ := info.Password()
	if strings.Contains(password, ":") {
		return "", errors.New("url: the password has a colon, which Logplex cannot send; choose another")
	}
	if user == "" {
		user, password = password, ""
	}
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n", nil
}

// dial connects to the target.
func (t *target) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if t.tls == nil {
		return wrapDial(new(net.Dialer).DialContext(ctx, "tcp", t.address))
	}
	return wrapDial((&tls.Dialer{Config: t.tls}).DialContext(ctx, "tcp", t.address))
}

func wrapDial(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}
