package edge_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"offshoot/internal/edge"
)

// A full crowd lets a newcomer in in the place of who has been idle for the
// longest time, never of who is being served, and sends newcomers away where
// all are.
func TestACrowdIsBounded(t *testing.T) {
	crowd := edge.NewCrowd(3)
	served, finish := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			served <- struct{}{}
			<-finish
		}
	}))
	s.Listener = crowd.Listener(s.Listener)
	rests := make(chan struct{}, 16)
	s.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		crowd.State(conn, state)
		if state == http.StateIdle {
			rests <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	ask := func(conn net.Conn, path string) {
		t.Helper()
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(conn net.Conn) bool {
		a, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil && a.Body.Close() == nil && a.StatusCode == 200
	}
	busy := dial()
	ask(busy, "/long")
	<-served
	old, young := dial(), dial()
	ask(old, "/")
	if !answered(old) {
		t.Fatal("no answer in a crowd that is not full")
	}
	<-rests // an answer is read before its server has done with it
	ask(young, "/")
	if !answered(young) {
		t.Fatal("no answer in a crowd that is not full")
	}
	<-rests
	newcomer := dial()
	ask(newcomer, "/long")
	<-served
	if _, err := old.Read(make([]byte, 1)); err == nil {
		t.Error("who was idle for the longest time still has its place")
	}
	last := dial()
	ask(last, "/long")
	<-served // in the place of young
	refused := dial()
	if _, err := refused.Read(make([]byte, 1)); err == nil {
		t.Error("a newcomer is in a crowd in which all are being served")
	}
	close(finish)
	for name, conn := range map[string]net.Conn{"busy": busy, "newcomer": newcomer, "last": last} {
		if !answered(conn) {
			t.Fatalf("%s was being served and got no answer", name)
		}
		<-rests
	}
	if again := dial(); true {
		ask(again, "/")
		if !answered(again) {
			t.Error("no answer when there is room again")
		}
	}
}
