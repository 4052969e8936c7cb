package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// With --token a listed drain is played.
func TestSendAsDrain(t *testing.T) {
	t.Parallel()
	var (
		mu     sync.Mutex
		tokens []string
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tokens = append(tokens, r.Header.Get("Logplex-Drain-Token"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	r := execute(sendCommand(), strings.NewReader(""), server.URL+"/logs", "--token", "d.1", "--token", "d.2", "--count", "2", "--quiet")
	slices.Sort(tokens)
	if r.code != 0 || !slices.Equal(tokens, []string{"d.1", "d.2"}) {
		t.Errorf("%d %s: tokens %v", r.code, r.err, tokens)
	}
	if r := execute(sendCommand(), strings.NewReader(""), server.URL, "--token", "d 1"); r.code != 2 || !strings.Contains(r.err, "token: ") {
		t.Errorf("a bad token: %d %s", r.code, r.err)
	}
}

// A door that nobody opens has accepted nothing, although Logplex counts no try.
func TestSendToNobody(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	r := execute(sendCommand(), strings.NewReader(""), "http://"+listener.Addr().String()+"/logs", "--count", "10", "--for", "1s", "--quiet")
	if r.code == 0 || !strings.Contains(r.err, "0 messages were accepted") {
		t.Errorf("%d %s", r.code, r.err)
	}
}
