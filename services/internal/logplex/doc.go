// Package logplex reads and writes the body of a Heroku Logplex HTTPS drain
// request, content type application/logplex-1.
//
// A body is a run of octet-counted frames, LENGTH SP FRAME, where LENGTH counts
// the bytes of FRAME. A frame looks like RFC 5424:
//
//	<PRI>1 TIMESTAMP HOSTNAME APPNAME PROCID MSGID TEXT
//
// but Logplex leaves STRUCTURED-DATA out and puts nothing in its place, so a text
// that begins with "[" or "-" is text. log-shuttle, which Shield Private Spaces
// use instead of Logplex, does send it; [SDFor] tells the two apart.
//
// Framing ([Scan], [Check], [Split]) never looks into a frame, and [Parse] never
// looks beyond one. Neither copies nor allocates for good input, and no length
// field makes them reserve memory.
package logplex
